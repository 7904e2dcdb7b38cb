// Hot path: `note` once a streamed answer. No allocation, no await.

/** Words of one endpoint: mean in tenths of a millisecond, and how many answers it is a mean of. */
export const paceWords = 2;
const tenth = 10;
const msMax = 3_600_000;
/** About how many answers the mean looks back over. */
const answersKept = 20;

/** How long endpoints have lately taken to their first pieces, in memory that threads may share. */
export class PaceTable {
  readonly #words: Int32Array;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Of two threads that note at once one may win: the next answer says the same. */
  note(endpoint: number, tookMs: number): void {
    const word = endpoint * paceWords;
    const answers = Math.min((this.#words[word + 1] as number) + 1, 2 ** 30);
    const mean = (this.#words[word] as number) / tenth;
    const moved = mean + (Math.min(tookMs, msMax) - mean) / Math.min(answers, answersKept);
    Atomics.store(this.#words, word, Math.round(moved * tenth));
    Atomics.store(this.#words, word + 1, answers);
  }

  read(endpoint: number): { readonly ttftMs: number; readonly answers: number } {
    const word = endpoint * paceWords;
    return {
      ttftMs: (this.#words[word] as number) / tenth,
      answers: this.#words[word + 1] as number,
    };
  }

  reset(endpoint: number): void {
    for (let at = 0; at < paceWords; at++) Atomics.store(this.#words, endpoint * paceWords + at, 0);
  }
}
