/** Whether an endpoint takes new requests. */
export type EndpointState = 'healthy' | 'draining' | 'ejected';

/** Whether requests to an endpoint fail at once: open; or a few may try: half-open. */
export type CircuitState = 'closed' | 'half-open' | 'open';

/** What configuration and discovery say of an endpoint; the same in every lane. */
export interface EndpointFacts {
  readonly id: string;
  /** Its place in the ledger and in the table of loads. */
  readonly index: number;
  /** The engine behind it: `vllm`, `llama.cpp`, `millrace`. */
  readonly engine: string;
  /** Models that it answers, by their own names and by aliases. */
  readonly models: readonly string[];
  readonly contextTokensMax: number;
  /** Requests that it is given at once. */
  readonly concurrencyMax: number;
  /** Higher is better: a quantised variant stands below the full one. */
  readonly qualityTier: number;
  /** Its share where a picker goes by weight. */
  readonly weight: number;
  /** What a million tokens cost there, in any one currency. */
  readonly costPerMillionTokens: number;
}

/** What changes from request to request. */
export interface EndpointLoad {
  readonly state: EndpointState;
  readonly circuit: CircuitState;
  /** Tokens in the contexts of requests that are being answered. */
  readonly runningTokens: number;
  /** Prompt tokens that the engine says are waiting beyond those that we sent. */
  readonly waitingTokens: number;
  /** Prompt tokens that we sent, were not cached, and have not led to a first token yet. */
  readonly queuedPrefillTokens: number;
  /** Requests that we have sent and that have not ended. */
  readonly concurrency: number;
  /** How far the ledger's word on it has proved right, from 0 to 1. */
  readonly trust: number;
  /** Prompt tokens a second, as measured; 0 is unknown. */
  readonly prefillTokensPerSecond: number;
  /** For how long the endpoint has been computing prompts since the latest first token; 0 where none are queued. */
  readonly prefillingMs: number;
}

/** An endpoint as one decision sees it. */
export interface Candidate extends EndpointLoad {
  readonly facts: EndpointFacts;
  /** Prompt tokens that the ledger says it holds. */
  readonly matchedTokens: number;
}

/** Facts with everything that is not given taken for granted. */
export function endpointFacts(
  given: Pick<EndpointFacts, 'id' | 'index'> & Partial<EndpointFacts>,
): EndpointFacts {
  return {
    engine: 'openai',
    models: [],
    contextTokensMax: Number.MAX_SAFE_INTEGER,
    concurrencyMax: Number.MAX_SAFE_INTEGER,
    qualityTier: 0,
    weight: 1,
    costPerMillionTokens: 0,
    ...given,
  };
}
