import { countAt, objectAt, unreadable } from './answer-fields.ts';

/** Tokens that an engine says a request used. */
export interface AnswerUsage {
  readonly promptTokens: number;
  /** Part of `promptTokens`; 0 when the engine does not say. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** Part of `completionTokens`; 0 when the engine does not say. */
  readonly reasoningTokens: number;
}

/** Reads `usage` of a chat completion; throws `AnswerUnreadableError` naming what is amiss. */
export function readAnswerUsage(value: unknown): AnswerUsage {
  const usage = objectAt(value, 'usage');
  const promptTokens = countAt(usage['prompt_tokens'], 'usage.prompt_tokens');
  const prompt = objectAt(usage['prompt_tokens_details'] ?? {}, 'usage.prompt_tokens_details');
  const path = 'usage.prompt_tokens_details.cached_tokens';
  const cachedTokens = countAt(prompt['cached_tokens'] ?? 0, path);
  if (cachedTokens > promptTokens) {
    throw unreadable(path, cachedTokens, `at most prompt_tokens, ${promptTokens}`);
  }
  const completion = objectAt(
    usage['completion_tokens_details'] ?? {},
    'usage.completion_tokens_details',
  );
  return {
    promptTokens,
    cachedTokens,
    completionTokens: countAt(usage['completion_tokens'], 'usage.completion_tokens'),
    reasoningTokens: countAt(
      completion['reasoning_tokens'] ?? 0,
      'usage.completion_tokens_details.reasoning_tokens',
    ),
  };
}
