import type { StepTimePredictor } from './step-time-predictor.ts';

/** How many prefill tokens a step may still take on. */
export interface StepBudget {
  /** Tokens granted of `wanted`, for a sequence that stands at `position`; at least `least` while the batch has room. */
  grant(request: {
    readonly wanted: number;
    readonly least: number;
    readonly position: number;
  }): number;
}

/** A budget in tokens alone. */
export class TokenBudget implements StepBudget {
  #tokensLeft: number;
  #roomLeft: number;

  constructor(options: { readonly tokens: number; readonly roomTokens: number }) {
    this.#tokensLeft = options.tokens;
    this.#roomLeft = options.roomTokens;
  }

  grant(request: { readonly wanted: number; readonly least: number }): number {
    const wished = Math.max(Math.min(request.wanted, this.#tokensLeft), request.least);
    const granted = Math.max(0, Math.min(wished, request.wanted, this.#roomLeft));
    this.#tokensLeft -= granted;
    this.#roomLeft -= granted;
    return granted;
  }
}

/** A budget in time: as many tokens as the predictor says fit into what is left of the step. */
export class TimeBudget implements StepBudget {
  readonly #predictor: StepTimePredictor;
  #msLeft: number;
  #roomLeft: number;

  constructor(options: {
    readonly predictor: StepTimePredictor;
    readonly ms: number;
    readonly roomTokens: number;
  }) {
    this.#predictor = options.predictor;
    this.#msLeft = options.ms;
    this.#roomLeft = options.roomTokens;
  }

  grant(request: {
    readonly wanted: number;
    readonly least: number;
    readonly position: number;
  }): number {
    const tokenMs = this.#predictor.tokenMs(request.position + request.wanted / 2);
    const fitting = Math.floor((this.#msLeft - this.#predictor.graphMs) / tokenMs);
    const wished = Math.max(Math.min(request.wanted, fitting), request.least);
    const granted = Math.max(0, Math.min(wished, request.wanted, this.#roomLeft));
    if (granted > 0) this.#msLeft -= this.#predictor.graphMs + granted * tokenMs;
    this.#roomLeft -= granted;
    return granted;
  }
}
