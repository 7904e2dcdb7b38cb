import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type ProbesErrorCode =
  | 'PROBES_EVENT_INVALID'
  | 'PROBES_OPTION_INVALID'
  | 'PROBES_RECORDING_INVALID';

/** A fault of an event, of an option, or of a recording. */
export class ProbesError extends FaultError {
  override readonly name = 'ProbesError';
  declare readonly code: ProbesErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: ProbesErrorCode }) {
    super(message, options);
  }
}
