/** What the last windows looked like, and what follows for the next one. */
export interface WorkloadView {
  /** Arrivals per second over the view. */
  readonly arrivalsPerSecond: number;
  readonly promptTokensMean: number;
  readonly outputTokensMean: number;
}

/** One window's, or one request's, share in the moving averages. */
const share = 0.1;
/** Prompts and answers are taken to be so long before any has been seen. */
const tokensAssumed = 128;

/**
 * Watches arrivals and lengths, and every `windowMs` turns them into a view. Lengths are moving averages over
 * requests; the arrival rate is a moving average over windows.
 */
export class WorkloadWindow {
  readonly #windowMs: number;
  #openedAtMs: number;
  #arrivals = 0;
  #arrivalsPerSecond = 0;
  #promptTokensMean = tokensAssumed;
  #outputTokensMean = tokensAssumed;

  constructor(options: { readonly windowMs: number; readonly nowMs: number }) {
    this.#windowMs = options.windowMs;
    this.#openedAtMs = options.nowMs;
  }

  recordArrival(promptTokens: number): void {
    this.#arrivals++;
    this.#promptTokensMean += share * (promptTokens - this.#promptTokensMean);
  }

  recordFinish(outputTokens: number): void {
    this.#outputTokensMean += share * (outputTokens - this.#outputTokensMean);
  }

  /** Closes the window when it is over; returns the new view, or undefined when the window is still open. */
  tick(nowMs: number): WorkloadView | undefined {
    const elapsedMs = nowMs - this.#openedAtMs;
    if (elapsedMs < this.#windowMs) return undefined;
    const rate = (this.#arrivals * 1000) / elapsedMs;
    this.#arrivalsPerSecond +=
      (rate - this.#arrivalsPerSecond) * Math.min(1, (share * elapsedMs) / this.#windowMs);
    this.#arrivals = 0;
    this.#openedAtMs = nowMs;
    return this.view();
  }

  view(): WorkloadView {
    return {
      arrivalsPerSecond: this.#arrivalsPerSecond,
      promptTokensMean: this.#promptTokensMean,
      outputTokensMean: this.#outputTokensMean,
    };
  }
}
