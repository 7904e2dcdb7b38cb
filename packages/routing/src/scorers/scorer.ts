import type { CandidateField } from '../endpoints/candidate-field.ts';
import type { RequestFacts } from '../route-request.ts';

/** What it costs to send a request to each endpoint, in one respect; less is better. Pure but for what it writes. */
export interface Scorer {
  readonly name: string;
  /** Whether the request has anything to do with the scorer, which else scores everything 0; asked once. Absent: always. */
  concerns?(request: RequestFacts): boolean;
  /**
   * The column in which every endpoint has its score, at its place: `scores`, once it is written there, or one of the
   * field's own. Scores of endpoints that are not considered count for nothing.
   */
  score(field: CandidateField, request: RequestFacts, scores: Float64Array): Float64Array;
}

/** A scorer and the tokens that one unit of its score is worth. */
export interface WeightedScorer {
  readonly scorer: Scorer;
  readonly weight: number;
}
