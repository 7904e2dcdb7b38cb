import { apiError, type ApiError, bodyNotJson } from '@millrace/openai';
import { messageOf } from '@millrace/stdx';
import type { BackendRequest } from '../backends/backend.ts';

/** What routing must know of a request. */
export interface PromptFacts {
  /** Undefined: the request names no model, so any endpoint will do. */
  readonly model: string | undefined;
  /** The prompt in one form, so that prompts that begin alike have bytes that begin alike; empty when there is none. */
  readonly prompt: Buffer;
  /** Tokens of the prompt, estimated from its bytes. */
  readonly promptTokens: number;
  /** Tokens that the answer may have, as far as the request says. */
  readonly outputTokensMax: number;
  readonly isStream: boolean;
}

/** Bytes of a prompt that make a token, about; for English text and most vocabularies. */
const bytesPerToken = 4;
const noPrompt = Buffer.alloc(0);

/** Reads what routing needs; requests without a JSON body name no model and have no prompt. */
export function promptFactsOf(
  request: Pick<BackendRequest, 'headers' | 'body'>,
): PromptFacts | { readonly refused: ApiError } {
  const type = request.headers.get('content-type') ?? '';
  if (request.body.length === 0 || !/^application\/(?:[\w.-]+\+)?json\b/i.test(type))
    return factsOf(undefined, {});
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString('utf8'));
  } catch (error) {
    return { refused: bodyNotJson(messageOf(error)) };
  }
  if (typeof body !== 'object' || body === null || !('model' in body))
    return factsOf(undefined, {});
  const { model } = body;
  if (typeof model === 'string') return factsOf(model, { ...body });
  return { refused: apiError('invalid_type', '"model" must be a string.', { param: 'model' }) };
}

function factsOf(model: string | undefined, body: Readonly<Record<string, unknown>>): PromptFacts {
  const parts = [
    body['system'],
    body['tools'],
    body['messages'] ?? body['prompt'] ?? body['input'],
  ];
  const given = parts.filter((part) => part !== undefined);
  const prompt = given.length === 0 ? noPrompt : Buffer.from(JSON.stringify(given));
  return {
    model,
    prompt,
    promptTokens: Math.ceil(prompt.length / bytesPerToken),
    outputTokensMax: countOf(body['max_completion_tokens'] ?? body['max_tokens']),
    isStream: body['stream'] === true,
  };
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** Tokens in a block of so many bytes, about. */
export function tokensPerBlock(blockBytes: number): number {
  return blockBytes / bytesPerToken;
}
