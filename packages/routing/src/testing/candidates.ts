import { type Candidate, type EndpointFacts, endpointFacts } from '../endpoints/endpoint.ts';

/** A healthy, idle, trusted endpoint with the model `small`, but for what is given. */
export function candidateOf(
  given: Partial<Omit<Candidate, 'facts'>> & { readonly facts?: Partial<EndpointFacts> } = {},
): Candidate {
  return {
    state: 'healthy',
    circuit: 'closed',
    runningTokens: 0,
    waitingTokens: 0,
    queuedPrefillTokens: 0,
    concurrency: 0,
    trust: 1,
    prefillTokensPerSecond: 1_000,
    prefillingMs: 0,
    matchedTokens: 0,
    ...given,
    facts: endpointFacts({ id: 'a', index: 0, models: ['small'], ...given.facts }),
  };
}
