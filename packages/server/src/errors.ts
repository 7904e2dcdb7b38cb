import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type ServerErrorCode =
  | 'SERVER_ADDRESS_IN_USE'
  | 'SERVER_ENGINE_FAILED'
  | 'SERVER_KERNEL_VIEW_UNAVAILABLE'
  | 'SERVER_LANE_FAILED'
  | 'SERVER_MODEL_UNAVAILABLE'
  | 'SERVER_MODEL_UNREADABLE'
  | 'SERVER_SETTING_INVALID';

/** A fault of the product as a whole, told to whoever started it. */
export class ServerError extends FaultError {
  override readonly name = 'ServerError';
  declare readonly code: ServerErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: ServerErrorCode }) {
    super(message, options);
  }
}
