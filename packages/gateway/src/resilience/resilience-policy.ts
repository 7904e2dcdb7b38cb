import { type CircuitBounds, circuitDefaults } from './circuit-bounds.ts';
import type { HedgeBounds } from './hedge-policy.ts';
import { type RetryBounds, retryDefaults } from './retry-policy.ts';
import { type SlownessBounds, slownessDefaults } from './slow-endpoints.ts';
import type { BudgetBounds } from './spend-budget.ts';

/** Bounds of waiting for an endpoint that may take a request. */
export interface QueueBounds {
  readonly lengthMax: number;
  /** 0: nothing waits. */
  readonly waitMsMax: number;
}

/** What happens when endpoints fail, hang, are slow or full. */
export interface ResiliencePolicy {
  readonly retry: RetryBounds;
  readonly retryBudget: BudgetBounds;
  readonly circuit: CircuitBounds;
  /** Undefined: no endpoint is taken out for being slow. */
  readonly slowness: SlownessBounds | undefined;
  /** Undefined: nothing is hedged. */
  readonly hedge: HedgeBounds | undefined;
  /** Undefined: a stream whose engine died ends with an error. */
  readonly continuation: ContinuationBounds | undefined;
  readonly queue: QueueBounds;
}

/** Bounds of what is kept of a stream so that it can go on elsewhere. */
export interface ContinuationBounds {
  /** Characters of an answer. */
  readonly textLengthMax: number;
  /** Bytes of one event. */
  readonly eventBytesMax: number;
}

export const continuationDefaults: ContinuationBounds = {
  textLengthMax: 262_144,
  eventBytesMax: 1_048_576,
};

export const resilienceDefaults: ResiliencePolicy = {
  retry: retryDefaults,
  retryBudget: { share: 0.2, perSecondMin: 2, savedMax: 100 },
  circuit: circuitDefaults,
  slowness: slownessDefaults,
  hedge: undefined,
  continuation: undefined,
  queue: { lengthMax: 1_024, waitMsMax: 0 },
};
