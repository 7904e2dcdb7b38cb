import { assert } from '@millrace/stdx';

/** What a sequence needs to exist. */
export interface SequenceStart {
  readonly id: number;
  readonly prompt: Int32Array;
  readonly tokensMax: number;
  readonly priority: number;
  readonly tenant: string;
  readonly arrivedAtMs: number;
  /** Monotonic time after which the answer is of no use; Infinity when there is none. */
  readonly deadlineAtMs: number;
}

/** Where a sequence is: `waiting` for a slot, `running` in one, or `done`. */
export type SequencePhase = 'waiting' | 'running' | 'done';

/**
 * One line of tokens being extended: a prompt and what was generated after it.
 *
 *     tokens   | prompt .............. | generated .... | last sampled |
 *     computed |<------- in the KV cache -------------->|
 *     length   |<----------------------------------------------------->|
 *
 * Each step computes some of the tokens past `computed`; the step that reaches `length` yields the next token.
 */
export class Sequence {
  readonly id: number;
  readonly promptLength: number;
  readonly tokensMax: number;
  readonly priority: number;
  readonly tenant: string;
  readonly arrivedAtMs: number;
  readonly deadlineAtMs: number;
  phase: SequencePhase = 'waiting';
  /** Tokens whose keys and values are in the sequence's slot. */
  computed = 0;
  /** Prompt tokens taken from a cache when the sequence was placed for the first time. */
  cachedTokens: number | undefined;
  preemptionCount = 0;
  #tokens: Int32Array;
  #length: number;

  constructor(start: SequenceStart) {
    assert(start.prompt.length > 0, 'a prompt has at least one token');
    assert(start.tokensMax > start.prompt.length, 'a sequence has room for one generated token');
    this.id = start.id;
    this.promptLength = start.prompt.length;
    this.tokensMax = start.tokensMax;
    this.priority = start.priority;
    this.tenant = start.tenant;
    this.arrivedAtMs = start.arrivedAtMs;
    this.deadlineAtMs = start.deadlineAtMs;
    this.#tokens = new Int32Array(Math.min(start.tokensMax, start.prompt.length + 64));
    this.#tokens.set(start.prompt);
    this.#length = start.prompt.length;
  }

  /** Tokens known: the prompt and everything generated. */
  get length(): number {
    return this.#length;
  }

  get generatedCount(): number {
    return this.#length - this.promptLength;
  }

  /** Tokens that must be computed before the next one can be sampled; at least one while running. */
  get remaining(): number {
    return this.#length - this.computed;
  }

  /** True when one token is all there is to compute. */
  get isDecoding(): boolean {
    return this.remaining === 1;
  }

  /** All known tokens; a view that the next `append` may leave behind. */
  get tokens(): Int32Array {
    return this.#tokens.subarray(0, this.#length);
  }

  append(token: number): void {
    assert(this.#length < this.tokensMax, 'a sequence does not outgrow its bound');
    if (this.#length === this.#tokens.length) {
      const longer = new Int32Array(Math.min(this.tokensMax, this.#tokens.length * 2));
      longer.set(this.#tokens);
      this.#tokens = longer;
    }
    this.#tokens[this.#length++] = token;
  }
}
