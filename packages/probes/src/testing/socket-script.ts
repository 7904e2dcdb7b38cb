import type { SocketEvent } from '../decoders/socket-event.ts';

const noBytes = new Uint8Array(0);

const blank: SocketEvent = {
  kind: 'open',
  timeNs: 0,
  beginNs: 0,
  cookie: 1,
  offset: 0,
  tgid: 100,
  tid: 101,
  result: 0,
  requested: 0,
  localPort: 8080,
  peerPort: 50_000,
  state: 0,
  isMidway: false,
  lacksBuffer: false,
  hasNoSpace: false,
  isUnix: false,
  head: noBytes,
  tail: noBytes,
  middle: [],
  localAddress: '',
  peerAddress: '',
};

/** Events of one connection, written down as what passes on it. Each operation takes a millisecond of time. */
export class SocketScript {
  readonly events: SocketEvent[] = [];
  readonly #cookie: number;
  readonly #isMidway: boolean;
  #timeNs: number;
  #received = 0;
  #sent = 0;

  constructor(
    options: {
      readonly cookie?: number;
      readonly startMs?: number;
      readonly isMidway?: boolean;
    } = {},
  ) {
    this.#cookie = options.cookie ?? 1;
    this.#timeNs = (options.startMs ?? 0) * 1e6;
    this.#isMidway = options.isMidway ?? false;
    if (this.#isMidway) [this.#received, this.#sent] = [1000, 1000];
    this.#add({ kind: 'open', localAddress: '127.0.0.1', peerAddress: '127.0.0.1' });
  }

  /** Time passes. */
  wait(ms: number): this {
    this.#timeNs += ms * 1e6;
    return this;
  }

  receive(...pieces: readonly (string | Uint8Array)[]): this {
    for (const piece of pieces) {
      const head = bytesOf(piece);
      this.#add({ kind: 'receive', head, result: head.length, offset: this.#received });
      this.#received += head.length;
    }
    return this;
  }

  send(...pieces: readonly (string | Uint8Array)[]): this {
    for (const piece of pieces) {
      const head = bytesOf(piece);
      this.#add({ kind: 'send', head, result: head.length, offset: this.#sent });
      this.#sent += head.length;
    }
    return this;
  }

  /** A send of which only the first and the last bytes were captured. */
  sendInPart(piece: string, captured: { readonly head: number; readonly tail: number }): this {
    const bytes = bytesOf(piece);
    this.#add({
      kind: 'send',
      head: bytes.subarray(0, captured.head),
      tail: bytes.subarray(bytes.length - captured.tail),
      result: bytes.length,
      offset: this.#sent,
    });
    this.#sent += bytes.length;
    return this;
  }

  /**
   * A send of which bytes were captured at both ends, and in between whatever lies in some places, as the kernel's walker
   * of frames tells it.
   */
  sendInPieces(
    bytes: Uint8Array,
    captured: {
      readonly head: number;
      readonly tail: number;
      readonly middle: readonly (readonly [from: number, to: number])[];
    },
  ): this {
    this.#add({
      kind: 'send',
      head: bytes.subarray(0, captured.head),
      tail: bytes.subarray(bytes.length - captured.tail),
      middle: captured.middle.map(([from, to]) => ({ at: from, bytes: bytes.subarray(from, to) })),
      result: bytes.length,
      offset: this.#sent,
    });
    this.#sent += bytes.length;
    return this;
  }

  /** Operations that took place and were dropped on their way. */
  dropped(direction: 'receive' | 'send', bytes: number): this {
    if (direction === 'receive') this.#received += bytes;
    else this.#sent += bytes;
    return this.wait(1);
  }

  /** The connection goes from one TCP state to another. */
  state(from: number, to: number): this {
    this.#add({ kind: 'state', state: to, result: from });
    return this;
  }

  failSend(result: number): this {
    this.#add({ kind: 'send', result, offset: this.#sent });
    return this;
  }

  #add(event: Partial<SocketEvent>): void {
    this.events.push({
      ...blank,
      isMidway: this.#isMidway,
      cookie: this.#cookie,
      timeNs: this.#timeNs,
      ...event,
    });
    this.#timeNs += 1e6;
  }
}

function bytesOf(piece: string | Uint8Array): Uint8Array {
  return typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
}
