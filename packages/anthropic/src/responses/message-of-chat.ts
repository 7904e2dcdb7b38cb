import {
  type AnswerFinish,
  type AnswerUsage,
  readChatAnswer,
  type ToolCall,
} from '@millrace/openai';
import { AnswerUnreadableError } from '../errors.ts';
import type { AnswerBlock, MessageBody, MessagesUsage, StopReason } from './message.ts';

/** The message that says what an OpenAI chat completion says; throws `AnswerUnreadableError` naming what is amiss. */
export function messageOfChat(completion: unknown): MessageBody {
  const answer = readChatAnswer(completion);
  const { reasoning, toolCalls, stopString } = answer;
  const text = answer.text + answer.refusal;
  const callsTools = toolCalls.length > 0;
  const stopReason = stopReasonOf(answer.finish, { callsTools, stopString });
  return {
    id: messageId(answer.id),
    type: 'message',
    role: 'assistant',
    model: answer.model,
    content: [
      ...(reasoning === ''
        ? []
        : [{ type: 'thinking', thinking: reasoning, signature: '' } as const]),
      ...(text === '' ? [] : [{ type: 'text', text } as const]),
      ...toolCalls.map(toolUseOf),
    ],
    stop_reason: stopReason,
    stop_sequence: stopReason === 'stop_sequence' ? (stopString ?? null) : null,
    usage: messagesUsage(answer.usage),
  };
}

/** A message's id, by which an engine's log can be searched for the chat completion. */
export function messageId(chatId: string): string {
  return `msg_${chatId}`;
}

/** Why a message ended. Some engines end with `stop` although they call tools. */
export function stopReasonOf(
  finish: AnswerFinish,
  answer: { readonly callsTools: boolean; readonly stopString: string | undefined },
): StopReason {
  switch (finish) {
    case 'stop':
      if (answer.callsTools) return 'tool_use';
      return answer.stopString === undefined ? 'end_turn' : 'stop_sequence';
    case 'length':
      return 'max_tokens';
    case 'tool_calls':
      return 'tool_use';
    case 'content_filter':
      return 'refusal';
  }
}

export function messagesUsage(usage: AnswerUsage): MessagesUsage {
  return {
    input_tokens: usage.promptTokens - usage.cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cachedTokens,
    output_tokens: usage.completionTokens,
  };
}

function toolUseOf(call: ToolCall, index: number): AnswerBlock {
  const path = `choices[0].message.tool_calls[${index}].function.arguments`;
  return { type: 'tool_use', id: call.id, name: call.name, input: inputOf(call.arguments, path) };
}

function inputOf(written: string, path: string): Readonly<Record<string, unknown>> {
  if (written.trim() === '') return {};
  let input: unknown;
  try {
    input = JSON.parse(written);
  } catch (cause) {
    const message = `read a chat completion: ${path}, ${written.length} characters, is no JSON`;
    throw new AnswerUnreadableError(message, { cause });
  }
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return { ...input };
  throw new AnswerUnreadableError(
    `read a chat completion: ${path} is ${written.slice(0, 80)}; expected is an object`,
  );
}
