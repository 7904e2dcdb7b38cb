import type { EngineLoad } from '../engines/read-load.ts';

/** Words of one endpoint's load: whether it is known at all, then each number. */
export const loadWords = 8;
const isKnownAt = 0;
const unknown = -1;
const mostAt = 2 ** 31 - 1;
const kvUsageUnit = 1e6;

/** What an engine says of its load, in memory that threads may share: one writes, all read. */
export class SharedLoad {
  readonly #words: Int32Array;

  /** `words` are `loadWords` that nothing else uses, at first 0. */
  constructor(words: Int32Array = new Int32Array(loadWords)) {
    this.#words = words;
  }

  /** Undefined when it says nothing, or did not for a while. */
  read(): EngineLoad | undefined {
    const words = this.#words;
    if (words[isKnownAt] !== 1) return undefined;
    const share = valueOf(words[3]);
    return {
      running: valueOf(words[1]),
      waiting: valueOf(words[2]),
      kvUsage: share === undefined ? undefined : share / kvUsageUnit,
      waitingTokens: valueOf(words[4]),
    };
  }

  write(load: EngineLoad | undefined): void {
    if (load !== undefined) {
      const share = load.kvUsage === undefined ? undefined : load.kvUsage * kvUsageUnit;
      for (const [at, value] of [load.running, load.waiting, share, load.waitingTokens].entries())
        Atomics.store(this.#words, isKnownAt + 1 + at, wordOf(value));
    }
    Atomics.store(this.#words, isKnownAt, load === undefined ? 0 : 1);
  }
}

function wordOf(value: number | undefined): number {
  return value === undefined ? unknown : Math.min(mostAt, Math.max(0, Math.round(value)));
}

function valueOf(word: number | undefined): number | undefined {
  return word === undefined || word === unknown ? undefined : word;
}
