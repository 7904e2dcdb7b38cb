import {
  apiError,
  describeTable,
  engineFieldsOf,
  engineParameterNames,
  isRecord,
  type ParameterDescription,
  type Parsed,
  parseWith,
  readParameters,
  RefusedError,
} from '@millrace/openai';
import { chatMessagesOf } from './chat-messages.ts';
import {
  type CountFields,
  countTable,
  type MessagesFields,
  messagesTable,
} from './messages-parameters.ts';

/** A request for a message, as the body of a chat completion. */
export interface ChatOfMessages {
  readonly chat: Readonly<Record<string, unknown>>;
  readonly isStreamed: boolean;
}

/** How each parameter of `POST /v1/messages` is taken. */
export function describeMessagesParameters(): readonly ParameterDescription[] {
  return describeTable(messagesTable);
}

/** The chat completion that asks for what the body of `POST /v1/messages` asks for, or why there is none. */
export function chatOfMessages(body: unknown): Parsed<ChatOfMessages> {
  return parseWith(() => {
    const fields = readParameters(body, messagesTable);
    const isStreamed = fields.stream ?? false;
    const chat = {
      ...conversationOf(fields),
      ...outputOf(fields),
      ...samplingOf(fields),
      ...(isStreamed && { stream: true, stream_options: { include_usage: true } }),
    };
    return { chat, isStreamed };
  });
}

/** The body of `POST /tokenize` that counts what the body of `POST /v1/messages/count_tokens` holds. */
export function tokenizeOfCount(body: unknown): Parsed<Readonly<Record<string, unknown>>> {
  return parseWith(() => {
    const fields = readParameters(body, countTable);
    // Whether a tool must be called, and in what form to answer, is no part of a prompt.
    const { tool_choice: _, parallel_tool_calls: __, ...counted } = conversationOf(fields);
    return counted;
  });
}

function conversationOf(fields: Partial<CountFields>): Readonly<Record<string, unknown>> {
  const { tools = [], tool_choice: choice, thinking } = fields;
  if (choice !== undefined && tools.length === 0) {
    const message = "'tool_choice' is given, and 'tools' is empty.";
    throw new RefusedError(apiError('invalid_value', message, { param: 'tool_choice' }));
  }
  const turns = fields.messages ?? [];
  return {
    model: fields.model,
    messages: chatMessagesOf(fields.system, turns),
    ...(tools.length > 0 && { tools }),
    ...(choice !== undefined && { tool_choice: choice.toolChoice }),
    ...(choice?.isParallel !== undefined && { parallel_tool_calls: choice.isParallel }),
    ...(thinking !== undefined && { chat_template_kwargs: thinkingVariables(thinking) }),
    // A last message of the assistant is the beginning of the answer.
    ...(turns.at(-1)?.role === 'assistant' && {
      add_generation_prompt: false,
      continue_final_message: true,
    }),
  };
}

function outputOf({
  output_config: output,
}: Partial<CountFields>): Readonly<Record<string, unknown>> {
  return {
    ...(output?.effort !== undefined && { reasoning_effort: output.effort }),
    ...(output?.schema !== undefined && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: output.schema, strict: true },
      },
    }),
  };
}

function samplingOf(fields: Partial<MessagesFields>): Readonly<Record<string, unknown>> {
  const { stop_sequences: stops = [], metadata, thinking } = fields;
  const { chat_template_kwargs: variables, ...engine } = engineFieldsOf(
    fields,
    engineParameterNames,
  );
  return {
    max_tokens: fields.max_tokens,
    ...(stops.length > 0 && { stop: stops }),
    ...(fields.temperature !== undefined && { temperature: fields.temperature }),
    ...(fields.top_p !== undefined && { top_p: fields.top_p }),
    ...(fields.top_k !== undefined && { top_k: fields.top_k }),
    ...(metadata?.userId !== undefined && { user: metadata.userId }),
    ...engine,
    ...(isRecord(variables) && {
      chat_template_kwargs: {
        ...(thinking !== undefined && thinkingVariables(thinking)),
        ...variables,
      },
    }),
  };
}

/** Templates know the switch under one name or the other, and take no notice of variables that they do not know. */
function thinkingVariables({ isEnabled }: { readonly isEnabled: boolean }): object {
  return { enable_thinking: isEnabled, thinking: isEnabled };
}
