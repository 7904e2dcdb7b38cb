import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type TelemetryErrorCode = 'TELEMETRY_METRIC_INVALID';

/** A metric that cannot be registered as it was described. */
export class TelemetryError extends FaultError {
  override readonly name = 'TelemetryError';
  declare readonly code: TelemetryErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: TelemetryErrorCode }) {
    super(message, options);
  }
}
