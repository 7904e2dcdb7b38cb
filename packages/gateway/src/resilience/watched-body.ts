// Hot path: `write` once a piece. Copies at most the tail's size, and allocates once a body.
import type { BodyEnd, BodySink, BodySource } from '../messages/body.ts';

/** Told of a body as it passes. */
export interface BodyWatcher {
  /** The first bytes are there. */
  onFirst(): void;
  /** The last call, however the body ended; `tail` is its last bytes. */
  onOver(end: BodyEnd, tail: Buffer): void;
}

/** Where engines write their usage: in the last event of a stream, or at the end of an answer. */
const tailBytes = 2_048;
const nothing = Buffer.alloc(0);

/** A body that is passed on as it is, and watched. */
export class WatchedBody implements BodySource {
  readonly #source: BodySource;
  readonly #watcher: BodyWatcher;
  #hasBegun = false;
  /** The last bytes, in turn: `#tailAt` is where the next one goes. */
  #tail: Buffer | undefined;
  #tailAt = 0;
  #isTailFull = false;
  #isOver = false;

  constructor(source: BodySource, watcher: BodyWatcher) {
    this.#source = source;
    this.#watcher = watcher;
    // One that has come whole before anybody takes it is over for its sender, but has not passed here yet.
    source.whenOver((end) => {
      if (end === 'destroyed') this.#finish(end);
    });
  }

  get byteLength(): number | undefined {
    return this.#source.byteLength;
  }

  pipeTo(sink: BodySink): void {
    this.#source.pipeTo({
      write: (piece) => {
        this.#look(piece);
        sink.write(piece);
      },
      flush: () => sink.flush(),
      end: (end) => {
        this.#finish(end);
        sink.end(end);
      },
    });
  }

  resume(): void {
    this.#source.resume();
  }

  destroy(): void {
    this.#source.destroy();
    this.#finish('destroyed');
  }

  whenOver(listener: (end: BodyEnd) => void): void {
    this.#source.whenOver(listener);
  }

  #look(piece: Buffer): void {
    if (!this.#hasBegun && piece.length > 0) {
      this.#hasBegun = true;
      this.#watcher.onFirst();
    }
    const tail = (this.#tail ??= Buffer.allocUnsafe(tailBytes));
    if (piece.length >= tailBytes) {
      piece.copy(tail, 0, piece.length - tailBytes);
      this.#tailAt = 0;
      this.#isTailFull = true;
      return;
    }
    const fits = Math.min(piece.length, tailBytes - this.#tailAt);
    piece.copy(tail, this.#tailAt, 0, fits);
    piece.copy(tail, 0, fits);
    if (this.#tailAt + piece.length >= tailBytes) this.#isTailFull = true;
    this.#tailAt = (this.#tailAt + piece.length) % tailBytes;
  }

  #finish(end: BodyEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watcher.onOver(end, this.#joinedTail());
  }

  #joinedTail(): Buffer {
    const tail = this.#tail;
    if (tail === undefined) return nothing;
    if (!this.#isTailFull) return tail.subarray(0, this.#tailAt);
    return Buffer.concat([tail.subarray(this.#tailAt), tail.subarray(0, this.#tailAt)]);
  }
}
