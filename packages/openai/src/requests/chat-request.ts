import { requestBounds } from '../options.ts';
import { identifyingParameters } from '../parameters/inert-parameters.ts';
import {
  describeTable,
  type ParameterDescription,
  type ParameterTable,
  readParameters,
  refusedUnless,
} from '../parameters/parameter-table.ts';
import { boolean, integer, list, missing, record } from '../parameters/readers.ts';
import {
  type GenerationFields,
  generationParameters,
  inertExtensions,
  tokenCount,
} from '../parameters/sampling-parameters.ts';
import { type ChatMessage, readMessage } from './chat-message.ts';
import { promptEndOf, promptEndParameters } from './prompt-end.ts';
import { type FunctionTool, readToolChoice, readTools, type ToolChoice } from './chat-tools.ts';
import {
  contradiction,
  type GenerationOptions,
  generationOptionsOf,
  onlyOneOf,
} from './generation-options.ts';
import { type Parsed, parseWith } from './parsed.ts';
import { readResponseFormat, type ResponseFormat } from './response-format.ts';

/** A request for the next message of a conversation. */
export interface ChatRequest extends GenerationOptions {
  readonly messages: readonly ChatMessage[];
  /** Missing: as many as the context leaves. */
  readonly maxTokens?: number;
  readonly logprobs?: { readonly topCount: number };
  readonly responseFormat: ResponseFormat;
  readonly tools: readonly FunctionTool[];
  readonly toolChoice: ToolChoice;
  readonly parallelToolCalls: boolean;
  readonly addsGenerationPrompt: boolean;
  /** The answer goes on with the last message, which is the assistant's and has text. */
  readonly continuesFinalMessage: boolean;
  /** Further variables for the chat template. */
  readonly templateVariables: Readonly<Record<string, unknown>>;
}

interface ChatFields extends GenerationFields {
  readonly messages: readonly ChatMessage[];
  readonly max_completion_tokens: number;
  readonly max_tokens: number;
  readonly logprobs: boolean;
  readonly top_logprobs: number;
  readonly response_format: ResponseFormat;
  readonly tools: readonly FunctionTool[];
  readonly tool_choice: ToolChoice;
  readonly parallel_tool_calls: boolean;
  readonly add_generation_prompt: boolean;
  readonly continue_final_message: boolean;
  readonly chat_template_kwargs: Readonly<Record<string, unknown>>;
}

const chatTable: ParameterTable<ChatFields> = {
  honoured: {
    ...generationParameters,
    messages: {
      read: list(readMessage, { least: 1, most: requestBounds.messagesMax }),
      note: 'roles system, developer, user, assistant, tool; content as a string or as text parts',
      isRequired: true,
    },
    max_completion_tokens: { read: tokenCount, note: 'default: what the context leaves' },
    max_tokens: { read: tokenCount, note: 'the same as max_completion_tokens' },
    logprobs: { read: boolean, note: 'true or false' },
    top_logprobs: {
      read: integer(0, requestBounds.topLogprobsMax),
      note: '0 to 20; needs logprobs',
    },
    response_format: {
      read: readResponseFormat,
      note: 'text, json_object or json_schema; a schema always binds',
    },
    tools: { read: readTools, note: 'functions, at most 128' },
    tool_choice: { read: readToolChoice, note: 'none, auto, required or a function' },
    parallel_tool_calls: { read: boolean, note: 'default true; false allows one call at most' },
    ...promptEndParameters,
    chat_template_kwargs: { read: record, note: 'extension; variables for the chat template' },
  },
  inert: {
    ...identifyingParameters,
    modalities: refusedUnless([['text']], 'no served model makes other than text'),
    audio: refusedUnless([], 'no served model makes audio'),
    prediction: refusedUnless([], 'predicted outputs are not supported'),
    reasoning_effort: refusedUnless(['none'], 'use chat_template_kwargs, as the model needs it'),
    verbosity: refusedUnless(['medium'], 'say it in the prompt'),
    web_search_options: refusedUnless([], 'there is no web search'),
    moderation: refusedUnless([], 'there is no moderation'),
    functions: refusedUnless([[]], 'use tools'),
    function_call: refusedUnless(['auto', 'none'], 'use tool_choice'),
    echo: refusedUnless([false], 'see /v1/completions'),
    chat_template: refusedUnless([], "the model's own template is used"),
    add_special_tokens: refusedUnless([false], 'the template writes all special tokens'),
    ...inertExtensions,
  },
};

/** How each parameter of a chat completion is taken. */
export function describeChatParameters(): readonly ParameterDescription[] {
  return describeTable(chatTable);
}

/** Reads the body of `POST /v1/chat/completions`. */
export function parseChatRequest(body: unknown): Parsed<ChatRequest> {
  return parseWith(() => chatRequestOf(readParameters(body, chatTable)));
}

function chatRequestOf(fields: Partial<ChatFields>): ChatRequest {
  const { messages } = fields;
  if (messages === undefined) throw missing('messages');
  const tools = fields.tools ?? [];
  const maxTokens = onlyOneOf({
    max_completion_tokens: fields.max_completion_tokens,
    max_tokens: fields.max_tokens,
    n_predict: fields.n_predict,
  });
  const topCount = logprobsOf(fields);
  const responseFormat = fields.response_format ?? { kind: 'text' };
  const toolChoice = fields.tool_choice ?? { kind: tools.length === 0 ? 'none' : 'auto' };
  checkToolChoice(toolChoice, tools);
  checkGrammar({ ...fields, response_format: responseFormat, tool_choice: toolChoice });
  return {
    ...generationOptionsOf(fields),
    messages,
    ...(maxTokens !== undefined && { maxTokens }),
    ...(topCount !== undefined && { logprobs: { topCount } }),
    responseFormat,
    tools,
    toolChoice,
    parallelToolCalls: fields.parallel_tool_calls ?? true,
    ...promptEndOf(fields, messages),
    templateVariables: fields.chat_template_kwargs ?? {},
  };
}

function logprobsOf(fields: Partial<ChatFields>): number | undefined {
  if (fields.logprobs === true) return fields.top_logprobs ?? 0;
  if (fields.top_logprobs === undefined || fields.top_logprobs === 0) return undefined;
  throw contradiction('top_logprobs', "'top_logprobs' is allowed only when 'logprobs' is true.");
}

function checkToolChoice(choice: ToolChoice, tools: readonly FunctionTool[]): void {
  if (choice.kind === 'required' && tools.length === 0) {
    throw contradiction('tool_choice', "'tool_choice' is \"required\", and 'tools' is empty.");
  }
  if (choice.kind !== 'function' || tools.some(({ name }) => name === choice.name)) return;
  const names = tools.map(({ name }) => name).join(', ') || 'none';
  throw contradiction(
    'tool_choice.function.name',
    `'tool_choice' names "${choice.name}"; the tools are: ${names}.`,
  );
}

/** One grammar at most binds an answer, and a bound answer cannot be a call. */
function checkGrammar(
  fields: Partial<ChatFields> & Pick<ChatFields, 'response_format' | 'tool_choice'>,
): void {
  const isForm = fields.response_format.kind !== 'text';
  if (fields.grammar !== undefined && isForm) {
    throw contradiction(
      'grammar',
      "'grammar' and 'response_format' both bind the answer: send one.",
    );
  }
  const mayCall = fields.tool_choice.kind !== 'none' && (fields.tools ?? []).length > 0;
  if (!mayCall || (!isForm && fields.grammar === undefined)) return;
  const field = isForm ? 'response_format' : 'grammar';
  throw contradiction(
    field,
    `'${field}' binds the whole answer, which then cannot be a call of 'tools': send one, or 'tool_choice' "none".`,
  );
}
