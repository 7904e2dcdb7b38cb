import { AnswerUnreadableError } from '../errors.ts';
import {
  type JsonObject,
  listAt,
  objectAt,
  optionalTextAt,
  textAt,
  unreadable,
} from './answer-fields.ts';
import { type AnswerUsage, readAnswerUsage } from './answer-usage.ts';
import {
  type AnswerFinish,
  finishAt,
  logprobsIn,
  reasoningIn,
  stopStringIn,
} from './chat-answer.ts';

/** What every chunk says of the answer it is part of. */
interface ChunkHead {
  readonly kind: 'delta';
  readonly id: string;
  readonly model: string;
  readonly createdUnixS: number;
  readonly usage: AnswerUsage | undefined;
}

/** A chunk that says something of an answer; texts that it does not go on with are empty. */
export interface ChatDelta extends ChunkHead {
  readonly reasoning: string;
  readonly text: string;
  readonly refusal: string;
  readonly toolCalls: readonly ToolCallDelta[];
  readonly finish: AnswerFinish | undefined;
  readonly stopString: string | undefined;
  readonly logprobs: readonly unknown[];
}

/** One event of an engine's streamed chat completion. */
export type ChatChunk =
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly message: string }
  | ChatDelta;

/** A piece of a tool's call; what it does not say is empty. */
export interface ToolCallDelta {
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly fragment: string;
}

/** Reads the data of one event; throws `AnswerUnreadableError` naming what is amiss. */
export function readChatChunk(data: string): ChatChunk {
  if (data.trim() === '[DONE]') return { kind: 'done' };
  const body = objectAt(parsed(data), 'an event');
  const { error } = body;
  if (error !== undefined && error !== null) return { kind: 'error', message: messageIn(error) };
  return {
    kind: 'delta',
    id: textAt(body['id'], 'id'),
    model: textAt(body['model'], 'model'),
    createdUnixS: typeof body['created'] === 'number' ? body['created'] : 0,
    ...choiceIn(body),
    usage: usageIn(body),
  };
}

function choiceIn(body: JsonObject): Omit<ChatDelta, keyof ChunkHead> {
  const choices = listAt(body['choices'] ?? [], 'choices');
  if (choices.length > 1) throw unreadable('choices', choices, 'a list of one entry at most');
  const choice = objectAt(choices[0] ?? {}, 'choices[0]');
  const path = 'choices[0].delta';
  const delta = objectAt(choice['delta'] ?? {}, path);
  return {
    reasoning: reasoningIn(delta, path),
    text: optionalTextAt(delta['content'], `${path}.content`),
    refusal: optionalTextAt(delta['refusal'], `${path}.refusal`),
    toolCalls: listAt(delta['tool_calls'] ?? [], `${path}.tool_calls`).map(toolCallDeltaAt),
    finish: (choice['finish_reason'] ?? '') === '' ? undefined : finishAt(choice['finish_reason']),
    stopString: stopStringIn(choice),
    logprobs: logprobsIn(choice),
  };
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data) as unknown;
  } catch (cause) {
    const message = `read a chat completion: an event of ${data.length} characters is no JSON`;
    throw new AnswerUnreadableError(message, { cause });
  }
}

function messageIn(error: unknown): string {
  if (typeof error === 'string') return error;
  const { message } = objectAt(error, 'error');
  return typeof message === 'string' && message !== '' ? message : JSON.stringify(error);
}

function usageIn(body: JsonObject): AnswerUsage | undefined {
  const { usage } = body;
  return usage === undefined || usage === null ? undefined : readAnswerUsage(usage);
}

function toolCallDeltaAt(call: unknown, position: number): ToolCallDelta {
  const path = `choices[0].delta.tool_calls[${position}]`;
  const entry = objectAt(call, path);
  const target = objectAt(entry['function'] ?? {}, `${path}.function`);
  const index = entry['index'] ?? position;
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0)
    throw unreadable(`${path}.index`, index, 'a whole number of 0 or more');
  return {
    index,
    id: optionalTextAt(entry['id'], `${path}.id`),
    name: optionalTextAt(target['name'], `${path}.function.name`),
    fragment: optionalTextAt(target['arguments'], `${path}.function.arguments`),
  };
}
