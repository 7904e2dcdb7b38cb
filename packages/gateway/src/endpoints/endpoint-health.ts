import type { HealthBounds } from '../options.ts';

/** Whether an endpoint may be asked. */
export type EndpointState =
  /** Nothing is known yet. */
  | 'unknown'
  | 'serving'
  /** It cannot be reached, or does not say what it serves. */
  | 'failing';

const states: readonly EndpointState[] = ['unknown', 'serving', 'failing'];
const at = {
  state: 0,
  failures: 1,
  /** Odd while a reason is being written. */
  reasonVersion: 2,
  reasonBytes: 3,
  reason: 4,
} as const;
/** Words of one endpoint's health, its reason included. */
export const healthWords = 64;
const reasonBytesMax = 4 * (healthWords - at.reason);
const noReason = 'it has not been looked at yet';

/**
 * The state of one endpoint, by what looks and requests found. Threads that share its memory share the state; of two
 * that write at once one may be lost, which the next look mends.
 */
export class EndpointHealth {
  readonly #bounds: HealthBounds;
  readonly #words: Int32Array;
  readonly #reason: Buffer;

  /** `words` are `healthWords` that nothing else uses, at first 0. */
  constructor(bounds: HealthBounds, words: Int32Array = new Int32Array(healthWords)) {
    this.#bounds = bounds;
    this.#words = words;
    const from = words.byteOffset + 4 * at.reason;
    this.#reason = Buffer.from(words.buffer as ArrayBuffer, from, reasonBytesMax);
  }

  get state(): EndpointState {
    return states[this.#words[at.state] as number] ?? 'failing';
  }

  /** Why it is not asked; empty while it is. */
  get reason(): string {
    const { state } = this;
    if (state === 'serving') return '';
    return state === 'unknown' ? noReason : this.#readReason();
  }

  /** A look found what it serves. */
  noteLookSucceeded(): void {
    this.#clear(at.failures);
    this.#enter('serving');
  }

  /** A request was answered, be it with a refusal. */
  noteAnswered(): void {
    // Mostly there is nothing to clear: a line that is only read stays in every core's cache.
    this.#clear(at.failures);
  }

  /** A look or a request ended without an answer. */
  noteUnanswered(reason: string): void {
    const failures = Atomics.add(this.#words, at.failures, 1) + 1;
    const isKnownGood = this.state === 'serving';
    if (isKnownGood && failures < this.#bounds.failuresMax) return;
    this.#writeReason(reason);
    this.#enter('failing');
  }

  #enter(state: EndpointState): void {
    Atomics.store(this.#words, at.state, states.indexOf(state));
  }

  #clear(word: number): void {
    if (this.#words[word] !== 0) Atomics.store(this.#words, word, 0);
  }

  #writeReason(reason: string): void {
    const version = Atomics.load(this.#words, at.reasonVersion);
    // Another thread writes one at this moment, and it is as good.
    const isTaken =
      version % 2 !== 0 ||
      Atomics.compareExchange(this.#words, at.reasonVersion, version, version + 1) !== version;
    if (isTaken) return;
    Atomics.store(this.#words, at.reasonBytes, this.#reason.write(reason, 'utf8'));
    Atomics.store(this.#words, at.reasonVersion, version + 2);
  }

  #readReason(): string {
    const version = Atomics.load(this.#words, at.reasonVersion);
    const text = this.#reason.toString('utf8', 0, Atomics.load(this.#words, at.reasonBytes));
    const isWhole = version % 2 === 0 && Atomics.load(this.#words, at.reasonVersion) === version;
    return isWhole ? text : 'it has just failed';
  }
}
