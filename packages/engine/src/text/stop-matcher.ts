// Hot path: once a token and answer. Linear in the text; one result object, and strings only where text is withheld.
import { assert } from '@millrace/stdx';

/** Text that is safe to show, and the stop string that ended it. */
export interface MatchedText {
  readonly text: string;
  readonly stop?: string;
}

/**
 * Finds the first of several stop strings in text that comes in pieces. First is what is complete first; of those
 * complete at one character the longest, which began earliest. So the answer does not depend on how the text was cut.
 * Withheld is only the longest end of the text that could still become a stop string.
 */
export class StopMatcher {
  readonly #stops: readonly StopState[];
  #withheld = '';
  #isStopped = false;

  /** Empty stop strings are left out; half a surrogate pair counts as U+FFFD, as it does in UTF-8. */
  constructor(stops: readonly string[]) {
    const distinct = new Set(stops.map((stop) => stop.toWellFormed()));
    distinct.delete('');
    this.#stops = [...distinct].toSorted((one, other) => other.length - one.length).map(startOf);
  }

  /** Adds text of whole characters; returns what may be shown. After a stop nothing more may come. */
  push(text: string): MatchedText {
    assert(!this.#isStopped, 'no text is pushed after a stop string was met');
    if (this.#stops.length === 0) return { text };
    for (let index = 0; index < text.length; index++) {
      const stop = this.#advance(text.charCodeAt(index));
      if (stop === undefined) continue;
      this.#isStopped = true;
      const joined = this.#withheld + text;
      const end = this.#withheld.length + index + 1;
      this.#withheld = '';
      return { text: joined.slice(0, end - stop.length), stop };
    }
    return { text: this.#release(text) };
  }

  /** What was withheld and became no stop string. */
  end(): string {
    const rest = this.#withheld;
    this.#withheld = '';
    return rest;
  }

  /** Takes one code unit; the longest stop string that it completes. */
  #advance(unit: number): string | undefined {
    let completed: string | undefined;
    for (const state of this.#stops) {
      const { stop, fallback } = state;
      let matched = state.matched;
      while (matched > 0 && stop.charCodeAt(matched) !== unit) matched = fallback[matched - 1] ?? 0;
      if (stop.charCodeAt(matched) === unit) matched++;
      state.matched = matched;
      if (matched === stop.length) completed ??= stop;
    }
    return completed;
  }

  #release(text: string): string {
    let keepLength = 0;
    for (const { matched } of this.#stops) keepLength = Math.max(keepLength, matched);
    if (keepLength === 0 && this.#withheld === '') return text;
    const joined = this.#withheld + text;
    const keepFrom = joined.length - keepLength;
    this.#withheld = joined.slice(keepFrom);
    return joined.slice(0, keepFrom);
  }
}

/** How far one stop string has come (Knuth, Morris and Pratt). */
interface StopState {
  readonly stop: string;
  /** For each length matched, less one: how much is still matched when the next code unit does not fit. */
  readonly fallback: Int32Array;
  matched: number;
}

function startOf(stop: string): StopState {
  const fallback = new Int32Array(stop.length);
  for (let index = 1, length = 0; index < stop.length; index++) {
    while (length > 0 && stop[index] !== stop[length]) length = fallback[length - 1] ?? 0;
    if (stop[index] === stop[length]) length++;
    fallback[index] = length;
  }
  return { stop, fallback, matched: 0 };
}
