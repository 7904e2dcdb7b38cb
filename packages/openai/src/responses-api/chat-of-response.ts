import { engineFieldsOf } from '../parameters/engine-parameters.ts';
import { apiError } from '../error-response.ts';
import { RefusedError } from '../errors.ts';
import {
  describeTable,
  type ParameterDescription,
  readParameters,
} from '../parameters/parameter-table.ts';
import { type Parsed, parseWith } from '../requests/parsed.ts';
import { messagesOfItems } from './input-messages.ts';
import { passedOnNames, type ResponseFields, responseTable } from './response-parameters.ts';

/** What of a request its answer tells again. */
export interface ResponseEcho {
  readonly instructions: string | null;
  readonly max_output_tokens: number | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly parallel_tool_calls: boolean;
  readonly reasoning: { readonly effort: string | null; readonly summary: null };
  readonly temperature: number;
  readonly text: Readonly<Record<string, unknown>>;
  readonly tool_choice: unknown;
  readonly tools: readonly unknown[];
  readonly top_logprobs: number;
  readonly top_p: number;
}

/** A request for a response, as the body of a chat completion. */
export interface ChatOfResponse {
  readonly chat: Readonly<Record<string, unknown>>;
  readonly isStreamed: boolean;
  readonly echo: ResponseEcho;
}

/** How each parameter of `POST /v1/responses` is taken. */
export function describeResponseParameters(): readonly ParameterDescription[] {
  return describeTable(responseTable);
}

/** The chat completion that asks for what the body of `POST /v1/responses` asks for, or why there is none. */
export function chatOfResponse(body: unknown): Parsed<ChatOfResponse> {
  return parseWith(() => {
    const fields = readParameters(body, responseTable);
    checkTools(fields);
    const isStreamed = fields.stream ?? false;
    const chat = {
      model: fields.model,
      messages: messagesOfItems(fields.instructions, fields.input ?? []),
      ...toolsOf(fields),
      ...outputOf(fields),
      ...engineFieldsOf(fields, passedOnNames),
      ...(isStreamed && { stream: true, stream_options: { include_usage: true } }),
    };
    return { chat, isStreamed, echo: echoOf(fields) };
  });
}

function checkTools({ tools = [], tool_choice: choice }: Partial<ResponseFields>): void {
  if (choice === undefined || tools.length > 0 || choice === 'none' || choice === 'auto') return;
  const message = "'tool_choice' asks for a call, and 'tools' is empty.";
  throw new RefusedError(apiError('invalid_value', message, { param: 'tool_choice' }));
}

function toolsOf(fields: Partial<ResponseFields>): object {
  const { tools = [], tool_choice: choice, parallel_tool_calls: isParallel } = fields;
  if (tools.length === 0) return {};
  return {
    tools: tools.map(({ chat }) => chat),
    ...(choice !== undefined && {
      tool_choice: typeof choice === 'string' ? choice : { type: 'function', function: choice },
    }),
    ...(isParallel !== undefined && { parallel_tool_calls: isParallel }),
  };
}

function outputOf(fields: Partial<ResponseFields>): object {
  const { text, include = [], top_logprobs: topCount = 0 } = fields;
  const tellsLogprobs = include.includes('message.output_text.logprobs');
  const output = {
    max_tokens: fields.max_output_tokens,
    temperature: fields.temperature,
    top_p: fields.top_p,
    ...(tellsLogprobs && { logprobs: true, top_logprobs: topCount }),
    response_format: text?.responseFormat,
    verbosity: text?.verbosity,
    reasoning_effort: fields.reasoning?.effort,
  };
  return Object.fromEntries(Object.entries(output).filter(([, value]) => value !== undefined));
}

/** What an answer tells of a request that said nothing of it: OpenAI's own defaults. */
const echoDefaults = {
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  temperature: 1,
  top_logprobs: 0,
  top_p: 1,
} as const;

function echoOf(fields: Partial<ResponseFields>): ResponseEcho {
  const { tools = [], tool_choice: choice = 'auto', text, reasoning } = fields;
  const names = Object.keys(echoDefaults) as (keyof typeof echoDefaults)[];
  const given = names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]]));
  return {
    ...echoDefaults,
    ...(Object.fromEntries(given) as Partial<Pick<ResponseEcho, keyof typeof echoDefaults>>),
    reasoning: { effort: reasoning?.effort ?? null, summary: null },
    text: { format: text?.format ?? { type: 'text' }, verbosity: text?.verbosity ?? 'medium' },
    tool_choice: typeof choice === 'string' ? choice : { type: 'function', ...choice },
    tools: tools.map((tool) => tool.given),
  };
}
