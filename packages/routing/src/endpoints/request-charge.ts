import type { EndpointTable } from './endpoint-table.ts';

/** What a request weighs. */
export interface RequestWeight {
  readonly promptTokens: number;
  readonly uncachedTokens: number;
}

/** The load that one request puts on an endpoint, from dispatch to its end. Whoever dispatches disposes of it. */
export class RequestCharge implements Disposable {
  readonly #table: EndpointTable;
  readonly #endpoint: number;
  readonly #promptTokens: number;
  readonly #uncachedTokens: number;
  #phase: 'queued' | 'running' | 'ended' = 'queued';

  constructor(table: EndpointTable, endpoint: number, weight: RequestWeight) {
    this.#table = table;
    this.#endpoint = endpoint;
    // Rounded once, so that what is taken is what was added.
    this.#promptTokens = Math.round(weight.promptTokens);
    this.#uncachedTokens = Math.round(weight.uncachedTokens);
    table.add(endpoint, 'concurrency', 1);
    table.beginPrefill(endpoint, this.#uncachedTokens);
  }

  /** The first token has come: the prompt is computed. Further calls do nothing. */
  markFirstToken(): void {
    if (this.#phase !== 'queued') return;
    this.#phase = 'running';
    this.#table.endPrefill(this.#endpoint, this.#uncachedTokens, 'computed');
    this.#table.add(this.#endpoint, 'runningTokens', this.#promptTokens);
  }

  [Symbol.dispose](): void {
    if (this.#phase === 'ended') return;
    if (this.#phase === 'queued')
      this.#table.endPrefill(this.#endpoint, this.#uncachedTokens, 'given-up');
    else this.#table.add(this.#endpoint, 'runningTokens', -this.#promptTokens);
    this.#phase = 'ended';
    this.#table.add(this.#endpoint, 'concurrency', -1);
  }
}
