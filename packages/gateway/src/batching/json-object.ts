/** An object of JSON. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A body as an object; undefined where it is no JSON, or of another kind. */
export function parsedObject(body: Buffer): JsonObject | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    // Whoever asks goes on without: the engine says what is wrong with a request, the batcher that an answer cannot be divided.
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  return { ...parsed };
}
