/** The top-level fields that a scan finds: what routing, admission and accounting need, and where the prompt is. */
export const scannedFields = [
  'model',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'n',
  'user',
  'session_id',
  'prompt_cache_key',
  'priority',
  'tools',
  'instructions',
  'system',
  'messages',
  'prompt',
  'input',
] as const;

/** A top-level field that a scan finds. */
export type ScannedField = (typeof scannedFields)[number];

/** The index by which a scan knows a field, by its name. */
export const fieldIndices: Readonly<Record<ScannedField, number>> = Object.fromEntries(
  scannedFields.map((field, index) => [field, index]),
) as Record<ScannedField, number>;

/** The index by which a scan knows a field. */
export function indexOfField(field: ScannedField): number {
  return fieldIndices[field];
}
