import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type TelemetryErrorCode = 'TELEMETRY_METRIC_INVALID' | 'TELEMETRY_OPTION_INVALID';

/** A metric or an option that cannot be what was asked for. */
export class TelemetryError extends FaultError {
  override readonly name = 'TelemetryError';
  declare readonly code: TelemetryErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: TelemetryErrorCode }) {
    super(message, options);
  }
}
