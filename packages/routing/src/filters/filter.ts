import type { CandidateField } from '../endpoints/candidate-field.ts';
import type { RequestFacts } from '../route-request.ts';

/** Why each endpoint was not considered, at its place; `undefined` for those that are. */
export type Reasons = (string | undefined)[];

/** Says why endpoints cannot take a request. Pure but for what it writes. */
export interface Filter {
  readonly name: string;
  /** Whether the request has anything to do with the filter; asked once, for all candidates. Absent: always. */
  concerns?(request: RequestFacts): boolean;
  /** Gives each endpoint that has no reason yet, and that cannot take the request, one. */
  exclude(field: CandidateField, request: RequestFacts, reasons: Reasons): void;
}
