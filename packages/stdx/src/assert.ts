/** A bug: a condition that the code guarantees does not hold. Never caught; it ends the process. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Ends the process (by throwing an error nobody catches) when `condition` is false. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Returns `value`, which the caller knows to be present. */
export function assertDefined<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new AssertionError(message);
  return value;
}

/** Closes an exhaustive `switch`: reaching it is a bug. */
export function assertNever(value: never): never {
  throw new AssertionError(`unexpected value ${JSON.stringify(value)}`);
}
