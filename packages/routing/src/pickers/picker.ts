/** What a picker chooses from: one number in each column for each endpoint that passed the filters. */
export interface PickField {
  /** At least 1; columns may be longer. */
  readonly count: number;
  readonly costs: Float64Array;
  /** Tokens that are before the request there. */
  readonly loads: Float64Array;
  readonly weights: Float64Array;
  /** Indices of the endpoints, which stay theirs while others come and go. */
  readonly endpoints: Int32Array;
  /** By what requests that belong together are known. */
  readonly keyHash: number;
  /** How many decisions were made before this one. */
  readonly turn: number;
  /** Uniform in [0, 1), drawn before the decision so that it can be repeated. */
  readonly draws: readonly [number, number];
}

/** Chooses one of the endpoints that passed the filters, by its place in the columns. Pure. */
export interface Picker {
  readonly name: string;
  pick(field: PickField): number;
}
