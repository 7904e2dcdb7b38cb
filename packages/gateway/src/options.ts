/** Bounds of the data path; every one has a default. */
export interface GatewayBounds {
  /** Largest body of a request. */
  readonly bodyBytesMax: number;
  /** A request must have arrived whole by then. */
  readonly requestMsMax: number;
  /** Connections from clients. */
  readonly connectionsMax: number;
  /** Connections to a backend. */
  readonly backendConnectionsMax: number;
  /** From sending a request to the first byte of its answer. */
  readonly firstByteMsMax: number;
  /** Between two pieces of an answer. */
  readonly pieceMsMax: number;
}

export const gatewayDefaults: GatewayBounds = {
  bodyBytesMax: 16 * 2 ** 20,
  requestMsMax: 60_000,
  connectionsMax: 4096,
  backendConnectionsMax: 4096,
  firstByteMsMax: 600_000,
  pieceMsMax: 120_000,
};
