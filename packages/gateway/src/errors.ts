import { FaultError, type FaultOptions } from '@millrace/stdx';

/** Codes of the faults that this package raises. A code is never used again for something else. */
export type GatewayErrorCode =
  | 'GATEWAY_ADDRESS_IN_USE'
  | 'GATEWAY_ANSWER_CUT'
  | 'GATEWAY_ENDPOINTS_TOO_MANY'
  | 'GATEWAY_LISTEN_FAILED'
  | 'GATEWAY_MEMORY_INVALID'
  | 'GATEWAY_KV_EVENT_INVALID'
  | 'GATEWAY_TLS_INVALID'
  | 'GATEWAY_ZMTP_INVALID';

/** A gateway that cannot serve. */
export class GatewayError extends FaultError {
  override readonly name = 'GatewayError';
  declare readonly code: GatewayErrorCode;

  constructor(message: string, options: FaultOptions & { readonly code: GatewayErrorCode }) {
    super(message, options);
  }
}
