/** When a request that waits for its first token is sent to a second endpoint as well. */
export interface HedgeBounds {
  /** It waits as long as this share of recent requests did. */
  readonly quantile: number;
  /** It waits at least so long. */
  readonly afterMsMin: number;
  /** Requests by which the wait is judged; until then nothing is hedged. */
  readonly answersMin: number;
  /** Longer prompts are not computed twice. */
  readonly promptTokensMax: number;
  /** Of all requests, the share that may be hedged. */
  readonly share: number;
}

export const hedgeDefaults: HedgeBounds = {
  quantile: 0.95,
  afterMsMin: 100,
  answersMin: 50,
  promptTokensMax: 32_768,
  share: 0.05,
};

/** What is known when a request is sent. */
export interface HedgeFacts {
  readonly promptTokens: number;
  /** Times to first token of recent requests: the quantile asked for, `undefined` while too few are known. */
  readonly quantileMs: number | undefined;
}

/** Milliseconds without a first token after which a second endpoint is asked; `undefined`: none is. */
export function hedgeAfterMs(facts: HedgeFacts, bounds: HedgeBounds): number | undefined {
  if (facts.quantileMs === undefined || facts.promptTokens > bounds.promptTokensMax)
    return undefined;
  return Math.max(bounds.afterMsMin, facts.quantileMs);
}
