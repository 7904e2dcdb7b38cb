import type { AnswerUsage } from '../answers/answer-usage.ts';
import type { AnswerFinish } from '../answers/chat-answer.ts';
import type { ResponseEcho } from './chat-of-response.ts';

/** How far an item of an answer is. */
export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** A piece of an answer. */
export type OutputItem =
  | {
      readonly type: 'reasoning';
      readonly id: string;
      readonly summary: readonly [];
      readonly content: readonly { readonly type: 'reasoning_text'; readonly text: string }[];
      readonly status: ItemStatus;
    }
  | {
      readonly type: 'message';
      readonly id: string;
      readonly role: 'assistant';
      readonly content: readonly MessagePart[];
      readonly status: ItemStatus;
    }
  | {
      readonly type: 'function_call';
      readonly id: string;
      readonly call_id: string;
      readonly name: string;
      readonly arguments: string;
      readonly status: ItemStatus;
    };

/** What a message of an answer holds. */
export type MessagePart =
  | {
      readonly type: 'output_text';
      readonly text: string;
      readonly annotations: readonly [];
      readonly logprobs: readonly unknown[];
    }
  | { readonly type: 'refusal'; readonly refusal: string };

/** What every answer to one request begins with. */
export interface ResponseHead {
  readonly chatId: string;
  readonly model: string;
  readonly createdUnixS: number;
  readonly echo: ResponseEcho;
}

/** How an answer stands. */
export type ResponseEnd =
  | { readonly kind: 'in_progress' }
  | { readonly kind: 'finished'; readonly finish: AnswerFinish; readonly usage: AnswerUsage }
  | { readonly kind: 'failed'; readonly message: string };

/** The body of a response. */
export function responseBody(
  head: ResponseHead,
  output: readonly OutputItem[],
  end: ResponseEnd,
): Readonly<Record<string, unknown>> {
  return {
    id: `resp_${head.chatId}`,
    object: 'response',
    created_at: head.createdUnixS,
    ...stateOf(end),
    model: head.model,
    output,
    ...head.echo,
    background: false,
    previous_response_id: null,
    service_tier: 'default',
    store: false,
    truncation: 'disabled',
    usage: end.kind === 'finished' ? usageBody(end.usage) : null,
  };
}

/** The status that the items of an answer have which ended so. */
export function itemStatusOf(finish: AnswerFinish): ItemStatus {
  return incompleteReason(finish) === undefined ? 'completed' : 'incomplete';
}

function stateOf(end: ResponseEnd): object {
  const nothing = { error: null, incomplete_details: null };
  switch (end.kind) {
    case 'in_progress':
      return { ...nothing, status: 'in_progress' };
    case 'failed':
      return {
        ...nothing,
        status: 'failed',
        error: { code: 'server_error', message: end.message },
      };
    case 'finished': {
      const reason = incompleteReason(end.finish);
      if (reason === undefined) return { ...nothing, status: 'completed' };
      return { ...nothing, status: 'incomplete', incomplete_details: { reason } };
    }
  }
}

function incompleteReason(finish: AnswerFinish): string | undefined {
  if (finish === 'length') return 'max_output_tokens';
  return finish === 'content_filter' ? 'content_filter' : undefined;
}

function usageBody(usage: AnswerUsage): object {
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens },
    output_tokens: usage.completionTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.promptTokens + usage.completionTokens,
  };
}
