import { AnswerUnreadableError } from '../errors.ts';
import type { AnswerBlock, MessageBody, MessagesUsage, StopReason } from './message.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** The message that says what an OpenAI chat completion says; throws `AnswerUnreadableError` naming what is amiss. */
export function messageOfChat(completion: unknown): MessageBody {
  const body = objectAt(completion, 'the body');
  const choices = listAt(body['choices'], 'choices');
  if (choices.length !== 1) throw unreadable('choices', choices, 'a list of one entry');
  const choice = objectAt(choices[0], 'choices[0]');
  const content = contentOf(objectAt(choice['message'], 'choices[0].message'));
  const sequence = choice['stop_reason'];
  const stopSequence = typeof sequence === 'string' ? sequence : null;
  const stopReason = stopReasonOf(choice['finish_reason'], content, stopSequence);
  return {
    id: `msg_${textAt(body['id'], 'id')}`,
    type: 'message',
    role: 'assistant',
    model: textAt(body['model'], 'model'),
    content,
    stop_reason: stopReason,
    stop_sequence: stopReason === 'stop_sequence' ? stopSequence : null,
    usage: usageOf(body['usage']),
  };
}

function contentOf(message: JsonObject): readonly AnswerBlock[] {
  // vLLM has renamed `reasoning_content` to `reasoning`; both are met.
  const thinking = optionalText(message, 'reasoning_content') || optionalText(message, 'reasoning');
  const text = optionalText(message, 'content') + optionalText(message, 'refusal');
  const calls = listAt(message['tool_calls'] ?? [], 'choices[0].message.tool_calls');
  return [
    ...(thinking === '' ? [] : [{ type: 'thinking', thinking, signature: '' } as const]),
    ...(text === '' ? [] : [{ type: 'text', text } as const]),
    ...calls.map(toolUseOf),
  ];
}

function toolUseOf(call: unknown, index: number): AnswerBlock {
  const path = `choices[0].message.tool_calls[${index}]`;
  const entry = objectAt(call, path);
  const target = objectAt(entry['function'], `${path}.function`);
  const id = textAt(entry['id'], `${path}.id`);
  const name = textAt(target['name'], `${path}.function.name`);
  const written = textAt(target['arguments'], `${path}.function.arguments`);
  return { type: 'tool_use', id, name, input: inputOf(written, `${path}.function.arguments`) };
}

function inputOf(written: string, path: string): JsonObject {
  if (written.trim() === '') return {};
  let input: unknown;
  try {
    input = JSON.parse(written);
  } catch (cause) {
    const message = `read a chat completion: ${path}, ${written.length} characters, is no JSON`;
    throw new AnswerUnreadableError(message, { cause });
  }
  return objectAt(input, path);
}

function stopReasonOf(
  finishReason: unknown,
  content: readonly AnswerBlock[],
  stopSequence: string | null,
): StopReason {
  switch (finishReason) {
    case 'stop':
      // Some engines end with `stop` although they call tools.
      if (content.some((block) => block.type === 'tool_use')) return 'tool_use';
      return stopSequence === null ? 'end_turn' : 'stop_sequence';
    case 'length':
      return 'max_tokens';
    case 'tool_calls':
      return 'tool_use';
    case 'content_filter':
      return 'refusal';
    default:
      throw unreadable(
        'choices[0].finish_reason',
        finishReason,
        'stop, length, tool_calls or content_filter',
      );
  }
}

function usageOf(value: unknown): MessagesUsage {
  const usage = objectAt(value, 'usage');
  const promptTokens = countAt(usage['prompt_tokens'], 'usage.prompt_tokens');
  const details = objectAt(usage['prompt_tokens_details'] ?? {}, 'usage.prompt_tokens_details');
  const path = 'usage.prompt_tokens_details.cached_tokens';
  const cachedTokens = countAt(details['cached_tokens'] ?? 0, path);
  if (cachedTokens > promptTokens) {
    throw unreadable(path, cachedTokens, `at most prompt_tokens, ${promptTokens}`);
  }
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: countAt(usage['completion_tokens'], 'usage.completion_tokens'),
  };
}

function optionalText(message: JsonObject, name: string): string {
  return textAt(message[name] ?? '', `choices[0].message.${name}`);
}

function objectAt(value: unknown, path: string): JsonObject {
  if (isObject(value)) return value;
  throw unreadable(path, value, 'an object');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listAt(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unreadable(path, value, 'a list');
}

function textAt(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  throw unreadable(path, value, 'a string');
}

function countAt(value: unknown, path: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw unreadable(path, value, 'a whole number of 0 or more');
}

const shownCharactersMax = 80;

function unreadable(path: string, value: unknown, expected: string): AnswerUnreadableError {
  const shown = (JSON.stringify(value) ?? 'missing').slice(0, shownCharactersMax);
  return new AnswerUnreadableError(
    `read a chat completion: ${path} is ${shown}; expected is ${expected}`,
  );
}
