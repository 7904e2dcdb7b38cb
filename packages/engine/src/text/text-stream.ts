import { type MatchedText, StopMatcher } from './stop-matcher.ts';
import { Utf8Stream } from './utf8-stream.ts';

/** An answer's text as it grows: bytes of tokens in, whole characters up to the first stop string out. */
export class TextStream {
  readonly #characters = new Utf8Stream();
  readonly #matcher: StopMatcher;

  constructor(stops: readonly string[]) {
    this.#matcher = new StopMatcher(stops);
  }

  push(bytes: Uint8Array): MatchedText {
    return this.#matcher.push(this.#characters.push(bytes));
  }

  /** What was kept back, when the answer ends without a stop string. */
  end(): string {
    const { text, stop } = this.#matcher.push(this.#characters.end());
    return stop === undefined ? text + this.#matcher.end() : text;
  }
}
