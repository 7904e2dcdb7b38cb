import {
  apiError,
  type ApiError,
  bodyNotJson,
  copyPrompt,
  replaceFields,
  routingFields,
  scanBody,
  type ScannedBody,
} from '@millrace/openai';
import type { BackendRequest } from '../backends/backend.ts';
import { multipartField, withMultipartField } from '../messages/multipart-field.ts';

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
  /** The body in which they stand; undefined where it is no JSON object. */
  readonly scanned: ScannedBody | undefined;
}

/** Bytes of a prompt that make a token, about; for English text and most vocabularies. */
const bytesPerToken = 4;
const noPrompt = Buffer.alloc(0);

/** Reads what routing needs. A form names its model in a field; what is neither JSON nor a form names none. */
export function promptFactsOf(
  request: Pick<BackendRequest, 'headers' | 'body'>,
): PromptFacts | { readonly refused: ApiError } {
  const type = request.headers.get('content-type') ?? '';
  if (request.body.length === 0 || !/^application\/(?:[\w.-]+\+)?json\b/i.test(type))
    return { ...noFacts, model: multipartField(request.body, type, 'model')?.value };
  const scan = scanBody(request.body);
  if (scan.kind === 'scanned') return factsOf(scan.body);
  // JSON of another kind than an object names nothing: its engine says what it makes of it.
  if (scan.problem.code === 'not_an_object') return noFacts;
  return { refused: bodyNotJson(scan.problem.message) };
}

const noFacts: PromptFacts = {
  model: undefined,
  prompt: noPrompt,
  promptTokens: 0,
  outputTokensMax: 0,
  isStream: false,
  scanned: undefined,
};

function factsOf(scanned: ScannedBody): PromptFacts | { readonly refused: ApiError } {
  const kind = scanned.kindOf('model');
  if (kind === undefined) return noFacts;
  if (kind !== 'string')
    return { refused: apiError('invalid_type', '"model" must be a string.', { param: 'model' }) };
  const { model, isStream, outputTokensMax, promptBytes } = routingFields(scanned);
  const room = Buffer.allocUnsafe(promptBytes);
  const prompt = room.subarray(0, copyPrompt(scanned, room));
  return {
    model,
    prompt,
    promptTokens: Math.ceil(prompt.length / bytesPerToken),
    outputTokensMax: countOf(outputTokensMax),
    isStream,
    scanned,
  };
}

/** The request with another model's name in it, its other bytes as they came. */
export function withModel(
  request: BackendRequest,
  facts: PromptFacts,
  model: string | undefined,
): BackendRequest {
  if (model === facts.model || model === undefined) return request;
  if (facts.scanned === undefined) return withModelInForm(request, model);
  return { ...request, body: Buffer.concat(replaceFields(facts.scanned, { model })) };
}

function withModelInForm(request: BackendRequest, model: string): BackendRequest {
  const type = request.headers.get('content-type') ?? '';
  const field = multipartField(request.body, type, 'model');
  if (field === undefined) return request;
  return { ...request, body: withMultipartField(request.body, field, model) };
}

function countOf(value: number | undefined): number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** Tokens in a block of so many bytes, about. */
export function tokensPerBlock(blockBytes: number): number {
  return blockBytes / bytesPerToken;
}
