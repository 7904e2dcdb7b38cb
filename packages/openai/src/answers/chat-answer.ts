import type { ToolCall } from '../requests/chat-message.ts';
import {
  type JsonObject,
  listAt,
  objectAt,
  optionalTextAt,
  textAt,
  unreadable,
} from './answer-fields.ts';
import { type AnswerUsage, readAnswerUsage } from './answer-usage.ts';

/** Why an engine ended an answer. */
export type AnswerFinish = 'stop' | 'length' | 'tool_calls' | 'content_filter';

/** What an engine's whole chat completion says. */
export interface ChatAnswer {
  readonly id: string;
  readonly model: string;
  readonly createdUnixS: number;
  readonly reasoning: string;
  readonly text: string;
  readonly refusal: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finish: AnswerFinish;
  /** The stop string at which the answer ended, where the engine says it (vLLM, SGLang). */
  readonly stopString: string | undefined;
  /** Logprobs of the text's tokens, as the engine wrote them. */
  readonly logprobs: readonly unknown[];
  readonly usage: AnswerUsage;
}

/** Reads a chat completion of one choice; throws `AnswerUnreadableError` naming what is amiss. */
export function readChatAnswer(completion: unknown): ChatAnswer {
  const body = objectAt(completion, 'the body');
  const choices = listAt(body['choices'], 'choices');
  if (choices.length !== 1) throw unreadable('choices', choices, 'a list of one entry');
  const choice = objectAt(choices[0], 'choices[0]');
  const path = 'choices[0].message';
  const message = objectAt(choice['message'], path);
  return {
    id: textAt(body['id'], 'id'),
    model: textAt(body['model'], 'model'),
    createdUnixS: typeof body['created'] === 'number' ? body['created'] : 0,
    reasoning: reasoningIn(message, path),
    text: optionalTextAt(message['content'], `${path}.content`),
    refusal: optionalTextAt(message['refusal'], `${path}.refusal`),
    toolCalls: listAt(message['tool_calls'] ?? [], `${path}.tool_calls`).map(toolCallAt),
    finish: finishAt(choice['finish_reason']),
    stopString: stopStringIn(choice),
    logprobs: logprobsIn(choice),
    usage: readAnswerUsage(body['usage']),
  };
}

/** Why an answer ended; throws for what is no reason. */
export function finishAt(value: unknown): AnswerFinish {
  switch (value) {
    case 'stop':
    case 'length':
    case 'tool_calls':
    case 'content_filter':
      return value;
    default:
      throw unreadable(
        'choices[0].finish_reason',
        value,
        'stop, length, tool_calls or content_filter',
      );
  }
}

/** The thinking in a message or a delta. vLLM has renamed `reasoning_content` to `reasoning`; both are met. */
export function reasoningIn(message: JsonObject, path: string): string {
  return (
    optionalTextAt(message['reasoning_content'], `${path}.reasoning_content`) ||
    optionalTextAt(message['reasoning'], `${path}.reasoning`)
  );
}

/** `stop_reason` is a token's number where an answer ended with a token. */
export function stopStringIn(choice: JsonObject): string | undefined {
  const reason = choice['stop_reason'];
  return typeof reason === 'string' ? reason : undefined;
}

export function logprobsIn(choice: JsonObject): readonly unknown[] {
  const logprobs = objectAt(choice['logprobs'] ?? {}, 'choices[0].logprobs');
  return listAt(logprobs['content'] ?? [], 'choices[0].logprobs.content');
}

function toolCallAt(call: unknown, index: number): ToolCall {
  const path = `choices[0].message.tool_calls[${index}]`;
  const entry = objectAt(call, path);
  const target = objectAt(entry['function'], `${path}.function`);
  return {
    id: textAt(entry['id'], `${path}.id`),
    name: textAt(target['name'], `${path}.function.name`),
    arguments: textAt(target['arguments'], `${path}.function.arguments`),
  };
}
