/** When requests to an endpoint are stopped, and when it is tried again. */
export interface CircuitBounds {
  /** Failures in a row that open the circuit. */
  readonly failuresInARowMax: number;
  /** Share of failures in a window that opens it, from 0 to 1, once there were `requestsMin` requests in it. */
  readonly failureShareMax: number;
  readonly requestsMin: number;
  readonly windowMs: number;
  /** How long it stays open; doubled each time that a try fails, up to the bound, and spread by a fifth. */
  readonly openMs: number;
  readonly openMsMax: number;
  /** Tries in a row that must succeed, one at a time, before it closes. */
  readonly triesToClose: number;
  /** A try that has not ended by then no longer keeps others from trying. */
  readonly tryMsMax: number;
  /** Share of all endpoints whose circuits may be open at once; one always may. */
  readonly openShareMax: number;
}

export const circuitDefaults: CircuitBounds = {
  failuresInARowMax: 5,
  failureShareMax: 0.5,
  requestsMin: 20,
  windowMs: 10_000,
  openMs: 5_000,
  openMsMax: 60_000,
  triesToClose: 2,
  tryMsMax: 60_000,
  openShareMax: 0.5,
};
