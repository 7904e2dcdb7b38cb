/** How a body ended: `whole`, or its sender died or stopped, or nobody wanted more of it. */
export type BodyEnd = 'whole' | 'died' | 'stalled' | 'destroyed';

/** Takes a body as it comes. */
export interface BodySink {
  /** The bytes are the source's own and hold only until this returns: what is kept of them is copied. */
  write(piece: Buffer): void;
  /** All that came at once has been written, and more will come. False: the source pauses until it is told to resume. */
  flush(): boolean;
  /** The last call, always: nothing was cut off exactly when `end` is `whole`. What was written is flushed by it. */
  end(end: BodyEnd): void;
}

/** A body that comes by itself, piece by piece, to one sink. */
export interface BodySource {
  /** Bytes in all, where the sender said how many. For an answer to HEAD: of the body that there would be. */
  readonly byteLength: number | undefined;
  /**
   * Begins to hand the body on; called once at most. Until then nothing of it is lost. The sink is flushed, or told the
   * end, before the turn is over in which it is called, whether there is anything yet or not.
   */
  pipeTo(sink: BodySink): void;
  /** Hands on more after a flush that asked for a pause. */
  resume(): void;
  /** Nobody wants the rest: whoever sends it is stopped at once. Does nothing when the body is over. */
  destroy(): void;
  /** Calls `listener` once when the body is over in whatever way, at once where it is over already. */
  whenOver(listener: (end: BodyEnd) => void): void;
}

/** A body that is there already. */
export class BytesBody implements BodySource {
  readonly #bytes: Buffer;
  #end: BodyEnd | undefined;
  #listeners: ((end: BodyEnd) => void)[] = [];

  constructor(bytes: Buffer | string) {
    this.#bytes = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  pipeTo(sink: BodySink): void {
    if (this.#end === undefined) {
      if (this.#bytes.length > 0) sink.write(this.#bytes);
      this.#close('whole');
    }
    sink.end(this.#end ?? 'whole');
  }

  resume(): void {}

  destroy(): void {
    this.#close('destroyed');
  }

  whenOver(listener: (end: BodyEnd) => void): void {
    if (this.#end === undefined) this.#listeners.push(listener);
    else listener(this.#end);
  }

  #close(end: BodyEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (const listener of this.#listeners) listener(end);
  }
}

/** What came of reading a body: all of it, or why there is no more. */
export type WholeBody =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'cut'; readonly end: BodyEnd };

/** Reads a body up to a bound; one that is larger is destroyed. */
export function readBody(source: BodySource, bytesMax: number): Promise<WholeBody> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let byteCount = 0;
    source.pipeTo({
      write: (piece) => {
        byteCount += piece.length;
        if (byteCount <= bytesMax) pieces.push(Buffer.from(piece));
      },
      flush: () => {
        if (byteCount <= bytesMax) return true;
        source.destroy();
        return false;
      },
      end: (end) => {
        if (byteCount > bytesMax) resolve({ kind: 'too-large' });
        else if (end === 'whole') resolve({ kind: 'whole', bytes: Buffer.concat(pieces) });
        else resolve({ kind: 'cut', end });
      },
    });
  });
}

/** Of a body that nobody wants, so much is read at most, so that its connection can be used again. */
const discardedBytesMax = 64 * 1024;

/** Lets go of a body: a short one is read to its end, a long one is stopped. */
export function discardBody(source: BodySource): void {
  let byteCount = 0;
  source.pipeTo({
    write: (piece) => void (byteCount += piece.length),
    flush: () => {
      if (byteCount <= discardedBytesMax) return true;
      source.destroy();
      return false;
    },
    end: () => undefined,
  });
}
