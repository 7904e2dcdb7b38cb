import type { ApiError } from '../error-response.ts';
import { RefusedError } from '../errors.ts';

/** A body, read: the request, or what its client is told. */
export type Parsed<Request> =
  | { readonly kind: 'parsed'; readonly request: Request }
  | { readonly kind: 'refused'; readonly error: ApiError };

/** Runs a reader and turns the refusal that it throws into a value. */
export function parseWith<Request>(read: () => Request): Parsed<Request> {
  try {
    return { kind: 'parsed', request: read() };
  } catch (error) {
    if (error instanceof RefusedError) return { kind: 'refused', error: error.apiError };
    throw error;
  }
}
