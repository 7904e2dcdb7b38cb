import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type EngineErrorCode =
  | 'ENGINE_FAILED'
  | 'ENGINE_INPUT_TOO_LONG'
  | 'ENGINE_LISTEN_FAILED'
  | 'ENGINE_MEMORY_TOO_SMALL'
  | 'ENGINE_OPTION_INVALID'
  | 'ENGINE_SCHEMA_UNSUPPORTED';

/** A fault of the engine or of what it was given. */
export class EngineError extends FaultError {
  override readonly name = 'EngineError';
  declare readonly code: EngineErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: EngineErrorCode }) {
    super(message, options);
  }
}
