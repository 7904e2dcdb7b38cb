import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type AnthropicErrorCode = 'ANTHROPIC_ANSWER_UNREADABLE';

/** An engine's answer that is not what its API promises, so that no message can be made of it. */
export class AnswerUnreadableError extends FaultError {
  override readonly name = 'AnswerUnreadableError';
  declare readonly code: AnthropicErrorCode;

  constructor(message: string, options: Omit<FaultOptions, 'code'> = {}) {
    super(message, { ...options, code: 'ANTHROPIC_ANSWER_UNREADABLE' });
  }
}
