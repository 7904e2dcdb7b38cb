import type { BodyEnd, BodySink, BodySource } from '../messages/body.ts';

/** A body whose first bytes can be waited for before anybody takes it; they are kept, and it waits. */
export class PeekedBody implements BodySource {
  readonly #source: BodySource;
  readonly #held: Buffer[] = [];
  #sink: BodySink | undefined;
  #end: BodyEnd | undefined;
  /** Resolves to whether there are bytes: false when the body ended without any. */
  readonly first: Promise<boolean>;

  constructor(source: BodySource) {
    this.#source = source;
    this.first = new Promise((resolve) => {
      source.pipeTo({
        write: (piece) => {
          if (this.#sink !== undefined) return this.#sink.write(piece);
          this.#held.push(Buffer.from(piece));
        },
        flush: () => {
          if (this.#sink !== undefined) return this.#sink.flush();
          if (this.#held.length === 0) return true;
          resolve(true);
          return false;
        },
        end: (end) => {
          this.#end = end;
          resolve(this.#held.length > 0);
          this.#sink?.end(end);
        },
      });
      source.whenOver(() => resolve(this.#held.length > 0));
    });
  }

  get byteLength(): number | undefined {
    return this.#source.byteLength;
  }

  pipeTo(sink: BodySink): void {
    this.#sink = sink;
    for (const piece of this.#held.splice(0)) sink.write(piece);
    const mayGoOn = sink.flush();
    if (this.#end !== undefined) sink.end(this.#end);
    else if (mayGoOn) this.#source.resume();
  }

  resume(): void {
    this.#source.resume();
  }

  destroy(): void {
    this.#source.destroy();
  }

  whenOver(listener: (end: BodyEnd) => void): void {
    this.#source.whenOver(listener);
  }
}
