import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type AttributionErrorCode =
  | 'ATTRIBUTION_TIMELINE_INVALID'
  | 'ATTRIBUTION_EVIDENCE_INVALID'
  | 'ATTRIBUTION_OPTION_INVALID';

/** A timeline, evidence or an option that cannot be what it says; the message names the field, the value and the limit. */
export class AttributionError extends FaultError {
  override readonly name = 'AttributionError';
  declare readonly code: AttributionErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: AttributionErrorCode }) {
    super(message, options);
  }
}
