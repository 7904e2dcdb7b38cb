import type { BodyEnd, BodySink, BodySource } from '../messages/body.ts';

/** A body that a test gives piece by piece. */
export class HandBody implements BodySource {
  readonly byteLength = undefined;
  isPaused = false;
  isDestroyed = false;
  #sink: BodySink | undefined;
  #end: BodyEnd | undefined;
  readonly #waiting: string[] = [];
  readonly #listeners: ((end: BodyEnd) => void)[] = [];

  pipeTo(sink: BodySink): void {
    this.#sink = sink;
    for (const text of this.#waiting.splice(0)) this.#write(text);
    if (this.#end !== undefined) sink.end(this.#end);
  }

  resume(): void {
    this.isPaused = false;
  }

  destroy(): void {
    if (this.#end !== undefined) return;
    this.isDestroyed = true;
    this.#sink = undefined;
    this.#close('destroyed');
  }

  whenOver(listener: (end: BodyEnd) => void): void {
    if (this.#end === undefined) this.#listeners.push(listener);
    else listener(this.#end);
  }

  give(text: string): void {
    if (this.#sink === undefined) this.#waiting.push(text);
    else this.#write(text);
  }

  finish(end: BodyEnd): void {
    this.#sink?.end(end);
    this.#close(end);
  }

  #write(text: string): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    sink.write(Buffer.from(text));
    this.isPaused = !sink.flush();
  }

  #close(end: BodyEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (const listener of this.#listeners) listener(end);
  }
}
