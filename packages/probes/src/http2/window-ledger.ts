/** A time in which nothing of a stream could be sent because its receiver had not opened a window. */
export interface FlowStall {
  readonly scope: 'stream' | 'connection';
  /** 0 for the connection. */
  readonly streamId: number;
  readonly fromNs: number;
  /** Undefined when no window was opened any more. */
  readonly toNs: number | undefined;
}

const initialWindowBytes = 65_535;
const stallsMax = 1024;

interface Window {
  bytes: number;
  stalledNs: number | undefined;
}

/**
 * What the client of an HTTP/2 connection allows its server to send, per stream and in all (RFC 9113, 5.2). A change of the
 * initial size applies to every open stream and may make a window negative.
 */
export class WindowLedger {
  readonly #streams = new Map<number, Window>();
  readonly #connection: Window = { bytes: initialWindowBytes, stalledNs: undefined };
  #initialBytes = initialWindowBytes;
  #stalls: FlowStall[] = [];

  open(streamId: number): void {
    this.#streams.set(streamId, { bytes: this.#initialBytes, stalledNs: undefined });
  }

  /** Bytes that may be sent on a stream; undefined when it is not open. */
  streamBytes(streamId: number): number | undefined {
    return this.#streams.get(streamId)?.bytes;
  }

  get connectionBytes(): number {
    return this.#connection.bytes;
  }

  /** The server sent a DATA frame, padding included. */
  sent(streamId: number, bytes: number, timeNs: number): void {
    this.#connection.bytes -= bytes;
    if (this.#connection.bytes <= 0) this.#connection.stalledNs ??= timeNs;
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.bytes -= bytes;
    if (stream.bytes <= 0) stream.stalledNs ??= timeNs;
  }

  /** The client opened a window; stream 0 is the connection. */
  opened(streamId: number, bytes: number, timeNs: number): void {
    const window = streamId === 0 ? this.#connection : this.#streams.get(streamId);
    if (window === undefined) return;
    window.bytes += bytes;
    this.#settle(window, { streamId, timeNs });
  }

  /** The client set the initial size of streams' windows. */
  setInitial(bytes: number, timeNs: number): void {
    const change = bytes - this.#initialBytes;
    this.#initialBytes = bytes;
    for (const [streamId, window] of this.#streams) {
      window.bytes += change;
      if (window.bytes <= 0) window.stalledNs ??= timeNs;
      else this.#settle(window, { streamId, timeNs });
    }
  }

  /** Ends a stream; answers the stalls that it met since `sinceNs`, those of the connection among them. */
  close(streamId: number, sinceNs: number): readonly FlowStall[] {
    const own = this.#stalls.filter(
      (stall) =>
        (stall.streamId === streamId || stall.scope === 'connection') &&
        (stall.toNs ?? 0) > sinceNs,
    );
    const stream = this.#streams.get(streamId);
    const open: FlowStall[] = [];
    if (stream?.stalledNs !== undefined) {
      open.push({ scope: 'stream', streamId, fromNs: stream.stalledNs, toNs: undefined });
    }
    if (this.#connection.stalledNs !== undefined) {
      open.push({
        scope: 'connection',
        streamId: 0,
        fromNs: this.#connection.stalledNs,
        toNs: undefined,
      });
    }
    this.#streams.delete(streamId);
    this.#stalls = this.#stalls.filter((stall) => stall.streamId !== streamId);
    return [...own, ...open];
  }

  #settle(
    window: Window,
    { streamId, timeNs }: { readonly streamId: number; readonly timeNs: number },
  ): void {
    if (window.bytes <= 0 || window.stalledNs === undefined) return;
    const scope = streamId === 0 ? 'connection' : 'stream';
    this.#stalls.push({ scope, streamId, fromNs: window.stalledNs, toNs: timeNs });
    if (this.#stalls.length > stallsMax) this.#stalls.shift();
    window.stalledNs = undefined;
  }
}
