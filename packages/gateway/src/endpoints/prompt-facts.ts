import {
  addPrompt,
  apiError,
  type ApiError,
  bodyNotJson,
  replaceFields,
  RoutingFields,
  scanBody,
  type ScannedBody,
} from '@millrace/openai';
import { type PrefixChain, PrefixHasher } from '@millrace/routing';
import type { BackendRequest } from '../backends/backend.ts';
import { multipartField, withMultipartField } from '../messages/multipart-field.ts';

/** What is kept of a prompt until its answer is over. */
export interface RoutedPrompt {
  /** The blocks of the prompt in one form, so that prompts that begin alike have blocks that begin alike; none when there is none. */
  readonly chain: PrefixChain;
  /** Tokens of the prompt, estimated from its bytes. */
  readonly promptTokens: number;
  /** Tokens that the answer may have, as far as the request says. */
  readonly outputTokensMax: number;
}

/** What routing must know of a request. */
export interface PromptFacts extends RoutedPrompt {
  /** Undefined: the request names no model, so any endpoint will do. */
  readonly model: string | undefined;
  readonly isStream: boolean;
  /** The body in which they stand; undefined where it is no JSON object. */
  readonly scanned: ScannedBody | undefined;
}

/** Bytes of a prompt that make a token, about; for English text and most vocabularies. */
const bytesPerToken = 4;
/** Bytes of a prompt in a block of its chain. */
const blockBytes = 512;
/** Prompt tokens in a block of a chain, about. */
export const promptTokensPerBlock: number = blockBytes / bytesPerToken;
/** Words that chains are put into one after another: an array for each would be larger than most chains. */
const roomWords = 512;

/** Reads what routing needs of requests. Of a prompt only the hashes of its blocks are kept. */
export class PromptReader {
  readonly #hasher = new PrefixHasher({ blockBytes });
  #room = new Uint32Array(roomWords);
  #roomUsed = 0;

  /** A form names its model in a field; what is neither JSON nor a form names none. */
  read(
    request: Pick<BackendRequest, 'headers' | 'body'>,
  ): PromptFacts | { readonly refused: ApiError } {
    const type = request.headers.get('content-type') ?? '';
    if (request.body.length === 0 || !isJson(type))
      return { ...noFacts, model: multipartField(request.body, type, 'model')?.value };
    const scan = scanBody(request.body);
    if (scan.kind === 'scanned') return this.#factsOf(scan.body);
    // JSON of another kind than an object names nothing: its engine says what it makes of it.
    if (scan.problem.code === 'not_an_object') return noFacts;
    return { refused: bodyNotJson(scan.problem.message) };
  }

  #factsOf(scanned: ScannedBody): PromptFacts | { readonly refused: ApiError } {
    const { model, namesModel, isStream, outputTokensMax } = new RoutingFields(scanned);
    if (!namesModel) return noFacts;
    if (model === undefined)
      return { refused: apiError('invalid_type', '"model" must be a string.', { param: 'model' }) };
    const hasher = this.#hasher;
    hasher.begin();
    const length = addPrompt(scanned, hasher);
    return {
      model,
      chain: this.#kept(hasher.finish()),
      promptTokens: Math.ceil(length / bytesPerToken),
      outputTokensMax: countOf(outputTokensMax),
      isStream,
      scanned,
    };
  }

  /** A copy of a chain: the hasher's words are its own, and the next prompt writes over them. */
  #kept({ words, blockCount }: PrefixChain): PrefixChain {
    const count = 2 * blockCount;
    if (this.#roomUsed + count > this.#room.length) {
      this.#room = new Uint32Array(Math.max(roomWords, count));
      this.#roomUsed = 0;
    }
    const first = this.#roomUsed;
    const room = this.#room;
    for (let at = 0; at < count; at++) room[first + at] = words[at] as number;
    this.#roomUsed += count;
    return { words: room, first, blockCount };
  }
}

/** The chain of what is no prompt. */
export const noChain: PrefixChain = { words: new Uint32Array(0), first: 0, blockCount: 0 };

const noFacts: PromptFacts = {
  model: undefined,
  chain: noChain,
  promptTokens: 0,
  outputTokensMax: 0,
  isStream: false,
  scanned: undefined,
};

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

function isJson(type: string): boolean {
  // Nearly all say just this, and comparing costs less than an expression does.
  return type === 'application/json' || /^application\/(?:[\w.-]+\+)?json\b/i.test(type);
}

function countOf(value: number | undefined): number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
