/** How long an endpoint may take; what is absent has no bound of its own. */
export interface TimeLimits {
  /** Until there is a connection. */
  readonly connectMsMax?: number | undefined;
  /** From sending a request to the first byte of its answer. */
  readonly firstByteMsMax?: number | undefined;
  /** Between two pieces of an answer. */
  readonly pieceMsMax?: number | undefined;
  /** From sending a request to the end of its answer. */
  readonly totalMsMax?: number | undefined;
}
