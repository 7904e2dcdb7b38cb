import type { Candidate } from '../endpoints/endpoint.ts';
import type { RequestFacts } from '../route-request.ts';

/** Says why an endpoint cannot take a request; `undefined` where it can. Pure. */
export interface Filter {
  readonly name: string;
  /** Whether the request has anything to do with the filter; asked once, for all candidates. Absent: always. */
  concerns?(request: RequestFacts): boolean;
  reasonAgainst(candidate: Candidate, request: RequestFacts): string | undefined;
}
