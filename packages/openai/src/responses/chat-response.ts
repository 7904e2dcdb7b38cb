import type { ToolCall } from '../requests/chat-message.ts';
import { chatLogprobs, type TokenChoice } from './logprobs.ts';
import type { FinishReason, ResponseHead, StopReason } from './response-head.ts';
import { type TokenUsage, usageBody } from './usage.ts';

/** One answer of a chat completion. */
export interface ChatChoice {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: FinishReason;
  /** The stop string, or the number of the token, that ended it; absent where none did, or the usual end of text. */
  readonly stopReason?: StopReason | undefined;
  /** Present when logprobs were asked for. */
  readonly tokens?: readonly TokenChoice[];
}

/** The body of a whole chat completion. */
export function chatResponse(
  head: ResponseHead,
  choices: readonly ChatChoice[],
  usage: TokenUsage,
): string {
  return JSON.stringify({
    id: head.id,
    object: 'chat.completion',
    created: head.createdUnixS,
    model: head.model,
    choices: choices.map(choiceBody),
    usage: usageBody(usage),
    system_fingerprint: null,
  });
}

function choiceBody(choice: ChatChoice, index: number): object {
  const { text, toolCalls, finishReason, stopReason, tokens } = choice;
  const message = {
    role: 'assistant',
    content: text === '' && toolCalls.length > 0 ? null : text,
    refusal: null,
    ...(toolCalls.length > 0 && { tool_calls: toolCalls.map(toolCallBody) }),
  };
  return {
    index,
    message,
    logprobs: tokens === undefined ? null : chatLogprobs(tokens),
    finish_reason: finishReason,
    stop_reason: stopReason ?? null,
  };
}

function toolCallBody(call: ToolCall): object {
  return {
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments },
  };
}
