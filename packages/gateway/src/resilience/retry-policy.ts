import type { Prng } from '@millrace/stdx';

/** How often and how soon a request is sent again. */
export interface RetryBounds {
  /** Endpoints that one request is sent to at most, the first included. */
  readonly triesMax: number;
  /** Pause before a try, where the endpoint asked for none; it doubles from one to the next, up to the bound. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
}

export const retryDefaults: RetryBounds = { triesMax: 2, pauseMs: 0, pauseMsMax: 1_000 };

/** How a try ended before its first byte. */
export type TryEnd =
  /** No connection, or one that was closed: another endpoint can take the request. */
  | { readonly kind: 'unanswered' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'abandoned' };

/** What is known when a try has ended. */
export interface TriesSoFar {
  readonly tries: number;
  /** Milliseconds until the request's deadline. */
  readonly leftMs: number;
  /** Whether there is an endpoint that has not been tried. */
  readonly isAnotherLeft: boolean;
  /** Takes one retry from the budget; false where there is none. */
  readonly spend: () => boolean;
}

/** What to do then. */
export type RetryDecision =
  | { readonly kind: 'retry'; readonly pauseMs: number }
  | {
      readonly kind: 'stop';
      readonly reason: 'answered' | 'tries' | 'nobody' | 'deadline' | 'budget';
    };

/** Statuses by which an engine says that it took nothing on: another may. */
const turnedAway: ReadonlySet<number> = new Set([429, 502, 503]);

/** Whether a status is the endpoint's own failure; being full or draining is none. */
export function isFailureStatus(status: number): boolean {
  return status >= 500 && status !== 503;
}

/** Whether the request is to be sent to another endpoint. */
export function decideRetry(
  end: TryEnd,
  soFar: TriesSoFar,
  policy: RetryBounds & { readonly prng: Prng },
): RetryDecision {
  if (end.kind === 'abandoned') return stop('answered');
  if (end.kind === 'status' && !turnedAway.has(end.status)) return stop('answered');
  if (soFar.tries >= policy.triesMax) return stop('tries');
  if (!soFar.isAnotherLeft) return stop('nobody');
  const plainMs = Math.min(policy.pauseMs * 2 ** (soFar.tries - 1), policy.pauseMsMax);
  // Between half and the whole of it: retries of requests that failed together do not come together.
  const pauseMs = plainMs * (0.5 + policy.prng.next() / 2);
  if (pauseMs >= soFar.leftMs) return stop('deadline');
  return soFar.spend() ? { kind: 'retry', pauseMs } : stop('budget');
}

function stop(reason: Extract<RetryDecision, { readonly kind: 'stop' }>['reason']): RetryDecision {
  return { kind: 'stop', reason };
}
