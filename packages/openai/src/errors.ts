import { FaultError, type FaultOptions } from '@millrace/stdx';
import type { ApiError } from './error-response.ts';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type OpenAiErrorCode = 'OPENAI_REQUEST_REFUSED' | 'OPENAI_ANSWER_UNREADABLE';

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

/** An engine's answer that is not what its API promises, so that nothing can be made of it. */
export class AnswerUnreadableError extends FaultError {
  override readonly name = 'AnswerUnreadableError';
  declare readonly code: OpenAiErrorCode;

  constructor(message: string, options: Omit<FaultOptions, 'code'> = {}) {
    super(message, { ...options, code: 'OPENAI_ANSWER_UNREADABLE' });
  }
}
