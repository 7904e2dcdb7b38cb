/** A server that is being compared, running. */
export interface RunningSide extends AsyncDisposable {
  readonly url: string;
  readonly modelId: string;
  readonly processId: number;
}

/** A server that can be compared. */
export interface Side {
  readonly name: string;
  /** Starts it, or says why it cannot be had here. */
  start(): Promise<RunningSide | { readonly unavailable: string }>;
}
