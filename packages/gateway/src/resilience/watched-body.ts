// Hot path: `write` once a piece.
import type { BodyEnd, BodySink, BodySource } from '../messages/body.ts';

/** Told of a body as it passes. */
export interface BodyWatcher {
  /** The first bytes are there. */
  onFirst(): void;
  /** Bytes pass; they hold only until this returns. */
  onPiece(piece: Buffer): void;
  /** The last call, however the body ended. */
  onOver(end: BodyEnd): void;
}

/** A body that is passed on as it is, and watched. */
export class WatchedBody implements BodySource, BodySink {
  readonly #source: BodySource;
  readonly #watcher: BodyWatcher;
  #sink: BodySink | undefined;
  #hasBegun = false;
  #isOver = false;

  constructor(source: BodySource, watcher: BodyWatcher) {
    this.#source = source;
    this.#watcher = watcher;
  }

  /** Nobody has taken it yet: it may be let go before anybody does. Does nothing where somebody has. */
  awaitTaker(): void {
    if (this.#sink !== undefined) return;
    // One that has come whole is over for its sender, but has not passed here yet.
    this.#source.whenOver((end) => {
      if (end === 'destroyed') this.#finish(end);
    });
  }

  get byteLength(): number | undefined {
    return this.#source.byteLength;
  }

  pipeTo(sink: BodySink): void {
    this.#sink = sink;
    this.#source.pipeTo(this);
  }

  write(piece: Buffer): void {
    if (!this.#hasBegun && piece.length > 0) {
      this.#hasBegun = true;
      this.#watcher.onFirst();
    }
    this.#watcher.onPiece(piece);
    this.#sink?.write(piece);
  }

  flush(): boolean {
    return this.#sink?.flush() ?? true;
  }

  end(end: BodyEnd): void {
    this.#finish(end);
    this.#sink?.end(end);
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

  #finish(end: BodyEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watcher.onOver(end);
  }
}
