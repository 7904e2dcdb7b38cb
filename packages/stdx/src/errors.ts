/** Options of every fault: a stable code and the fault that caused it. */
export interface FaultOptions {
  /** Stable, upper-case, prefixed by the package: `LLAMA_MODEL_UNREADABLE`. Codes are API. */
  readonly code: string;
  readonly cause?: unknown;
}

/** A fault of the world, the base of every package's own base error. */
export class FaultError extends Error {
  override readonly name: string = 'FaultError';
  readonly code: string;

  constructor(message: string, options: FaultOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
  }
}

/** A feature that this machine lacks; `needs` names what would bring it. */
export class UnsupportedError extends FaultError {
  override readonly name: string = 'UnsupportedError';
  readonly needs: string;

  constructor(message: string, options: FaultOptions & { readonly needs: string }) {
    super(message, options);
    this.needs = options.needs;
  }
}

/** The message of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
