import { FaultError, type FaultOptions } from '@millrace/stdx';
import type { ApiError } from './error-response.ts';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type OpenAiErrorCode = 'OPENAI_REQUEST_REFUSED';

/** A request that is refused; `apiError` is what its client is told. Parsers throw it inside and return it outside. */
export class RefusedError extends FaultError {
  override readonly name = 'RefusedError';
  declare readonly code: OpenAiErrorCode;
  readonly apiError: ApiError;

  constructor(apiError: ApiError, options: Omit<FaultOptions, 'code'> = {}) {
    super(apiError.message, { ...options, code: 'OPENAI_REQUEST_REFUSED' });
    this.apiError = apiError;
  }
}
