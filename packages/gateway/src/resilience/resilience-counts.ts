/** What is counted about failures, each at its place in memory that threads share. */
export const countedEvents = [
  'retries',
  'retries refused by the budget',
  'hedges',
  'continuations',
  'waits',
  'waits in vain',
] as const;

export type CountedEvent = (typeof countedEvents)[number];

/** Counts of what all lanes did about failures. */
export class ResilienceCounts {
  readonly #words: Int32Array;

  /** `words` are one for each event. */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  note(event: CountedEvent): void {
    Atomics.add(this.#words, countedEvents.indexOf(event), 1);
  }

  read(event: CountedEvent): number {
    return (this.#words[countedEvents.indexOf(event)] as number) >>> 0;
  }
}
