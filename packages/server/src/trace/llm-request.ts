import type { RequestRecord } from '@millrace/probes';

const routes =
  /^\/(v\d\w*\/(chat\/completions|completions|responses|messages|embeddings|rerank|rank|score|audio\/\w+)|api\/(chat|generate|embed|embeddings)|completions?|chat\/completions|infill|embeddings?|generate(_stream)?|rerank|inference\/v1\/generate|v\d\w*\/models\/[^/]+:\w+)$/;

/** Whether a request is one for a language model, by its route or by what it asks for. */
export function isLlmRequest(record: RequestRecord): boolean {
  if (routes.test(record.route)) return true;
  return record.promptHash !== undefined && record.model !== undefined;
}
