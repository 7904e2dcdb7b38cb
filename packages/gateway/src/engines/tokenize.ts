import { answerTo, type Backend, type BackendRequest } from '../backends/backend.ts';
import { readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';

/** An engine that is asked for the tokens of prompts. */
export interface TokenizingEngine {
  readonly backend: Backend;
  /** The model by the name that it has there. */
  readonly model: string;
}

/** Prompts that are being tokenized at once; further ones are routed without. */
const asksMax = 64;
const answerBytesMax = 16 * 2 ** 20;

/** Of a chat request, what its tokens depend on (vLLM, entrypoints/openai/protocol.py, TokenizeChatRequest). */
const chatFields = [
  'messages',
  'tools',
  'add_generation_prompt',
  'continue_final_message',
  'chat_template',
  'chat_template_kwargs',
] as const;

/** Asks engines for the tokens of prompts, so that what their caches hold can be matched exactly; within a short time, or not at all. */
export class PromptTokenizer {
  readonly #timeoutMs: number;
  #asks = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** The tokens of a request's prompt; `undefined` where they cannot be had in time. */
  async tokensOf(
    request: Pick<BackendRequest, 'target' | 'body'>,
    engine: TokenizingEngine,
  ): Promise<Int32Array | undefined> {
    const asked = questionFor(request, engine.model);
    if (asked === undefined || 'tokens' in asked) return asked?.tokens;
    if (this.#asks >= asksMax) return undefined;
    this.#asks++;
    try {
      return await this.#ask(asked.body, engine);
    } finally {
      this.#asks--;
    }
  }

  async #ask(body: Buffer, engine: TokenizingEngine): Promise<Int32Array | undefined> {
    const answer = await answerTo(engine.backend, {
      method: 'POST',
      target: '/tokenize',
      headers: HeaderBlock.of({ 'content-type': 'application/json' }),
      body,
      cancellation: Cancellation.bySignal(AbortSignal.timeout(this.#timeoutMs), 'deadline'),
    });
    if (answer.kind !== 'answered') return undefined;
    const read = await readBody(answer.message.body, answerBytesMax);
    if (answer.message.status !== 200 || read.kind !== 'whole') return undefined;
    return tokenList(fieldOf(parsed(read.bytes), 'tokens'));
  }
}

/** What an engine is asked, or the tokens where the request has them itself. */
function questionFor(
  { target, body }: Pick<BackendRequest, 'target' | 'body'>,
  model: string,
): { readonly body: Buffer } | { readonly tokens: Int32Array } | undefined {
  const path = target.split('?')[0];
  const fields = parsed(body);
  if (path === '/v1/completions') {
    const prompt = fieldOf(fields, 'prompt');
    const tokens = tokenList(prompt);
    if (tokens !== undefined) return { tokens };
    return typeof prompt === 'string'
      ? { body: Buffer.from(JSON.stringify({ model, prompt })) }
      : undefined;
  }
  if (path !== '/v1/chat/completions') return undefined;
  const given = chatFields.flatMap((name) => {
    const value = fieldOf(fields, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { body: Buffer.from(JSON.stringify({ model, ...Object.fromEntries(given) })) };
}

function tokenList(value: unknown): Int32Array | undefined {
  const isList = Array.isArray(value) && value.length > 0 && value.every(Number.isSafeInteger);
  return isList ? Int32Array.from(value as readonly number[]) : undefined;
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
