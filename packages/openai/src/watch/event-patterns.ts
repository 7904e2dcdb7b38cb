import { EventPattern } from './event-pattern.ts';

/** As many engines and models, about, are told apart before patterns are made anew for each of their streams. */
const patternsMaxUsual = 8;

/** The patterns that were made last: the streams of one model share theirs. */
export class EventPatterns {
  readonly #patterns: EventPattern[] = [];
  readonly #patternsMax: number;
  #oldest = 0;

  /** With none at most, each event is read. */
  constructor(patternsMax: number = patternsMaxUsual) {
    this.#patternsMax = patternsMax;
  }

  /** The pattern of a line with an event from `start` to `end` that is plain; the line feed is the last byte. */
  of(line: Buffer, start: number, end: number): EventPattern | undefined {
    for (const pattern of this.#patterns)
      if (pattern.endIn(line, 0) === line.length) return pattern;
    const pattern = this.#patternsMax > 0 ? EventPattern.of(line, start, end) : undefined;
    if (pattern === undefined) return undefined;
    this.#patterns[this.#oldest] = pattern;
    this.#oldest = (this.#oldest + 1) % this.#patternsMax;
    return pattern;
  }
}
