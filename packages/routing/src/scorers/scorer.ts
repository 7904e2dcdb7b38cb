import type { Candidate } from '../endpoints/endpoint.ts';
import type { RequestFacts } from '../route-request.ts';

/** What it costs to send a request to an endpoint, in one respect; less is better. Pure. */
export interface Scorer {
  readonly name: string;
  score(candidate: Candidate, request: RequestFacts): number;
}

/** A scorer and the tokens that one unit of its score is worth. */
export interface WeightedScorer {
  readonly scorer: Scorer;
  readonly weight: number;
}
