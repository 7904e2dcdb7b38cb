// Hot path: `earn` once a request. No allocation, no await.
import { assert, type Clock } from '@millrace/stdx';

/** How much may be spent on requests beyond the first of each: on retries, or on hedges. */
export interface BudgetBounds {
  /** Of all requests, the share that may be sent once more. */
  readonly share: number;
  /** What may be spent a second where there are few requests. */
  readonly perSecondMin: number;
  /** What is saved up at most. */
  readonly savedMax: number;
}

const balanceAt = 0;
const paidAtMsAt = 1;
const milli = 1_000;

/**
 * A bound on extra requests: each request earns a share of one, each extra one costs one. When an outage makes all
 * requests fail, extra ones stop by themselves instead of multiplying the load. Memory may be shared by threads.
 */
export class SpendBudget {
  readonly #words: Int32Array;
  readonly #clock: Clock;
  readonly #bounds: BudgetBounds;

  /** `words` are two that nothing else uses, at first 0. */
  constructor(words: Int32Array, clock: Clock, bounds: BudgetBounds) {
    assert(words.length === 2, 'a budget has two words');
    this.#words = words;
    this.#clock = clock;
    this.#bounds = bounds;
    // One that begins broke would refuse the first retry of a quiet gateway.
    if (Atomics.compareExchange(words, paidAtMsAt, 0, clock.unixMs() | 1) === 0)
      Atomics.store(words, balanceAt, bounds.savedMax * milli);
  }

  /** How many may be spent at once. */
  get saved(): number {
    return (this.#words[balanceAt] as number) / milli;
  }

  /** A request has come. */
  earn(): void {
    this.#add(Math.round(this.#bounds.share * milli));
  }

  /** Takes the cost of one extra request; false where there is not enough. */
  spend(): boolean {
    this.#earnByTime();
    if (Atomics.sub(this.#words, balanceAt, milli) >= milli) return true;
    Atomics.add(this.#words, balanceAt, milli);
    return false;
  }

  #earnByTime(): void {
    const before = this.#words[paidAtMsAt] as number;
    const nowMs = this.#clock.unixMs() | 1;
    const passedMs = (nowMs - before) | 0;
    if (passedMs <= 0 || Atomics.compareExchange(this.#words, paidAtMsAt, before, nowMs) !== before)
      return;
    const { perSecondMin, savedMax } = this.#bounds;
    this.#add(Math.round(Math.min(savedMax * milli, perSecondMin * passedMs)));
  }

  #add(amount: number): void {
    const most = this.#bounds.savedMax * milli;
    // Mostly nothing has been spent: then nothing is written.
    if ((this.#words[balanceAt] as number) >= most) return;
    const after = Atomics.add(this.#words, balanceAt, amount) + amount;
    if (after > most) Atomics.sub(this.#words, balanceAt, after - most);
  }
}
