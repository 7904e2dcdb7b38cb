import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type RoutingErrorCode =
  | 'ROUTING_OPTION_INVALID'
  | 'ROUTING_MEMORY_INVALID'
  | 'ROUTING_RECORD_INVALID';

/** An option out of its bounds, or memory that is not what it should be. */
export class RoutingError extends FaultError {
  override readonly name = 'RoutingError';
  declare readonly code: RoutingErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: RoutingErrorCode }) {
    super(message, options);
  }
}
