import { FieldNames } from '../scan/field-names.ts';

/** Names of the fields of an event of a stream that are read, by the object in which they stand. */
export const eventNames: FieldNames = new FieldNames(['choices', 'usage', 'error', 'timings']);
export const choiceNames: FieldNames = new FieldNames(['finish_reason', 'delta', 'text']);
export const deltaNames: FieldNames = new FieldNames([
  'content',
  'reasoning_content',
  'reasoning',
  'refusal',
  'tool_calls',
]);
export const usageNames: FieldNames = new FieldNames([
  'prompt_tokens',
  'completion_tokens',
  'prompt_tokens_details',
]);
export const detailNames: FieldNames = new FieldNames(['cached_tokens']);
export const timingNames: FieldNames = new FieldNames(['cache_n', 'prompt_n']);
