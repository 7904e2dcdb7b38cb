import type { EngineKind } from '../../engines/engine-kind.ts';
import { type AnswerSoFar, fieldsOf, parsed } from './answer-so-far.ts';

/** A request that makes another engine go on where the first one stopped, or why there can be none. */
export type Continuation =
  | { readonly kind: 'request'; readonly body: Buffer }
  /** The answer had come to its bound of tokens: nothing is to be asked for. */
  | { readonly kind: 'complete' }
  | { readonly kind: 'impossible'; readonly reason: string };

const goOn = { continue_final_message: true, add_generation_prompt: false };

/**
 * Engines that go on with a last message of the assistant's, and what tells them to. llama.cpp's server does so unasked,
 * and then says the message again before it goes on.
 */
const chatPrefill: Readonly<Partial<Record<EngineKind, Readonly<Record<string, unknown>>>>> = {
  millrace: goOn,
  vllm: goOn,
  sglang: { continue_final_message: true },
  'llama.cpp': goOn,
};

/** Fields by which an engine holds a state that a text does not carry, such as a grammar. */
const stateful = [
  'response_format',
  'guided_json',
  'guided_regex',
  'guided_choice',
  'guided_grammar',
  'structured_outputs',
  'grammar',
  'json_schema',
  'echo',
  'suffix',
  'prompt_logprobs',
  'best_of',
  'audio',
] as const;

type Fields = Readonly<Record<string, unknown>>;

/** Why a request's answer could not be continued, whatever comes of it; `undefined` where it could. */
export function continuationObstacle(target: string, body: Buffer): string | undefined {
  const path = target.split('?')[0];
  if (path !== '/v1/chat/completions' && path !== '/v1/completions') return `${path} has no text`;
  const fields = fieldsOf(parsed(body.toString('utf8')));
  if (fields === undefined || fields['stream'] !== true) return 'it is not streamed';
  if ((fields['n'] ?? 1) !== 1) return 'there are several choices';
  const held = stateful.find((name) => isGiven(fields[name]));
  if (held !== undefined) return `"${held}" is given`;
  if (path === '/v1/completions')
    return typeof fields['prompt'] === 'string' ? undefined : 'the prompt is no text';
  if (fields['continue_final_message'] === true) return 'it continues a message already';
  return Array.isArray(fields['messages']) ? undefined : 'there are no messages';
}

/** The request for the rest of an answer. `model` is the name by which that engine knows the model. */
export function continuationRequest(
  request: { readonly target: string; readonly body: Buffer },
  answer: AnswerSoFar,
  engine: { readonly kind: EngineKind; readonly model: string | undefined },
): Continuation {
  const obstacle = answer.obstacle ?? continuationObstacle(request.target, request.body);
  if (obstacle !== undefined) return { kind: 'impossible', reason: obstacle };
  if (answer.isFinished) return { kind: 'complete' };
  const fields = fieldsOf(parsed(request.body.toString('utf8'))) as Fields;
  const rest = restOf(fields, answer.chunks);
  if (rest === undefined) return { kind: 'complete' };
  const isChat = request.target.split('?')[0] === '/v1/chat/completions';
  const prefill = chatPrefill[engine.kind];
  if (isChat && prefill === undefined && answer.text !== '')
    return { kind: 'impossible', reason: `${engine.kind} does not go on with a message` };
  const continued = isChat ? chatOf(fields, answer.text, prefill ?? {}) : promptOf(fields, answer);
  const named = engine.model === undefined ? {} : { model: engine.model };
  const body = Buffer.from(JSON.stringify({ ...fields, ...continued, ...rest, ...named }));
  return { kind: 'request', body };
}

function chatOf(fields: Fields, text: string, prefill: Fields): Fields {
  if (text === '') return {};
  const messages = [...(fields['messages'] as readonly unknown[])];
  const last = fieldsOf(messages.at(-1));
  // Engines that continue a last message of the assistant's by themselves were continuing the client's.
  if (last?.['role'] === 'assistant' && typeof last['content'] === 'string')
    messages.splice(-1, 1, { ...last, content: last['content'] + text });
  else messages.push({ role: 'assistant', content: text });
  return { messages, ...prefill };
}

function promptOf(fields: Fields, answer: AnswerSoFar): Fields {
  return { prompt: `${fields['prompt'] as string}${answer.text}` };
}

/** Bounds on tokens less what has come, taking a chunk for a token; `undefined` where nothing is left. */
function restOf(fields: Fields, chunks: number): Fields | undefined {
  const rest: Record<string, number> = {};
  for (const name of ['max_tokens', 'max_completion_tokens', 'n_predict', 'min_tokens']) {
    const value = fields[name];
    if (typeof value !== 'number') continue;
    const left = value - chunks;
    if (name === 'min_tokens') rest[name] = Math.max(0, left);
    else if (left <= 0) return undefined;
    else rest[name] = left;
  }
  return rest;
}

function isGiven(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 1) return false;
  return fieldsOf(value)?.['type'] !== 'text';
}
