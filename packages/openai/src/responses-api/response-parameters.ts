import { requestBounds } from '../options.ts';
import { engineParameterNames, engineParameters } from '../parameters/engine-parameters.ts';
import { identifyingParameters } from '../parameters/inert-parameters.ts';
import { accepted, type ParameterTable, refusedUnless } from '../parameters/parameter-table.ts';
import {
  boolean,
  integer,
  isRecord,
  list,
  number,
  oneOf,
  onlyFields,
  optional,
  record,
  refuse,
  required,
  string,
  stringUpTo,
} from '../parameters/readers.ts';
import { tokenCount } from '../parameters/sampling-parameters.ts';
import { type InputItem, readInput } from './input-items.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A function of `tools`, as it came and as a chat completion has it. */
export interface ResponseTool {
  readonly given: Fields;
  readonly chat: object;
}

/** How the text of an answer is to be. */
export interface TextOptions {
  /** As it came, to be told again in the answer. */
  readonly format: Fields;
  readonly responseFormat: object | undefined;
  readonly verbosity: string | undefined;
}

/** Fields of a request for a response, under their wire names. */
export interface ResponseFields extends EngineFields {
  readonly model: string;
  readonly input: readonly InputItem[];
  readonly instructions: string;
  readonly max_output_tokens: number;
  readonly temperature: number;
  readonly top_p: number;
  readonly top_logprobs: number;
  readonly tools: readonly ResponseTool[];
  readonly tool_choice: string | { readonly name: string };
  readonly parallel_tool_calls: boolean;
  readonly text: TextOptions;
  readonly reasoning: { readonly effort: string | undefined };
  readonly include: readonly string[];
  readonly metadata: Fields;
  readonly stream: boolean;
}

type PassedOnName = (typeof engineParameterNames)[number] | 'stop' | 'top_k';
type EngineFields = Readonly<Record<PassedOnName, unknown>>;

/** Parameters that go on to the engine as they came. */
export const passedOnNames: readonly PassedOnName[] = [...engineParameterNames, 'stop', 'top_k'];

const notStored = 'nothing is stored; send the whole conversation as input';
const notRun = 'nothing is run here';

/** How each parameter of `POST /v1/responses` is taken. */
export const responseTable: ParameterTable<ResponseFields> = {
  honoured: {
    model: { read: stringUpTo(512), note: 'the name of a served model', isRequired: true },
    input: {
      read: readInput,
      note: 'a string, or message, reasoning, function_call and function_call_output items',
      isRequired: true,
    },
    instructions: { read: string, note: 'as the first message of the system' },
    max_output_tokens: { read: tokenCount, note: 'default: what the context leaves' },
    temperature: { read: number(0, 2), note: '0 to 2' },
    top_p: { read: number(0, 1), note: '0 to 1' },
    top_logprobs: {
      read: integer(0, requestBounds.topLogprobsMax),
      note: '0 to 20; told with include message.output_text.logprobs',
    },
    tools: {
      read: list(readTool, { least: 0, most: requestBounds.toolsMax }),
      note: 'functions, at most 128; no tools are run here',
    },
    tool_choice: { read: readToolChoice, note: 'none, auto, required or a function' },
    parallel_tool_calls: { read: boolean, note: 'default true' },
    text: { read: readText, note: 'format text, json_object or json_schema; verbosity' },
    reasoning: {
      read: readReasoningOptions,
      note: 'effort as reasoning_effort; reasoning is told whole, so summary has no effect',
    },
    include: {
      read: list(oneOf('message.output_text.logprobs', 'reasoning.encrypted_content'), {
        least: 0,
        most: 8,
      }),
      note: 'message.output_text.logprobs; reasoning.encrypted_content has no effect: reasoning is told in the open',
    },
    metadata: { read: record, note: 'told again in the answer' },
    stream: { read: boolean, note: 'server-sent events' },
    ...engineParameters(passedOnNames),
  },
  inert: {
    user: identifyingParameters['user'] ?? accepted(''),
    safety_identifier: accepted('names an end user; it changes no answer'),
    prompt_cache_key: accepted('prefixes are found by their tokens'),
    prompt_cache_retention: accepted('prefixes stay while memory lasts'),
    prompt_cache_options: accepted('prefixes are found by their tokens'),
    store: refusedUnless([false], notStored),
    previous_response_id: refusedUnless([], notStored),
    conversation: refusedUnless([], notStored),
    prompt: refusedUnless([], notStored),
    background: refusedUnless([false], notStored),
    context_management: refusedUnless([[]], 'a context is not compacted'),
    truncation: refusedUnless(['disabled'], 'a prompt is never cut'),
    stream_options: {
      effect: 'refused',
      check: checkStreamOptions,
      note: 'include_obfuscation only as false',
    },
    max_tool_calls: refusedUnless([], notRun),
    service_tier: refusedUnless(['auto', 'default'], 'there is one tier; see priority'),
    moderation: refusedUnless([], 'there is no moderation'),
    access_programs: refusedUnless([], 'there are none'),
    image: refusedUnless([], 'no images are made here'),
  },
};

function readTool(value: unknown, path: string): ResponseTool {
  const tool = record(value, path);
  const type = required(tool, 'type', { read: string, path });
  if (type !== 'function') {
    throw refuse(
      'unsupported_value',
      { path: `${path}.type`, value: type },
      '"function": no other tools are run here',
    );
  }
  onlyFields(tool, ['type', 'name', 'description', 'parameters', 'strict'], path);
  const description = optional(tool, 'description', { read: string, path });
  const strict = optional(tool, 'strict', { read: boolean, path });
  const parameters = optional(tool, 'parameters', { read: record, path });
  const name = required(tool, 'name', { read: string, path });
  const target = {
    name,
    ...(description !== undefined && { description }),
    ...(parameters !== undefined && { parameters }),
    ...(strict !== undefined && { strict }),
  };
  return { given: tool, chat: { type: 'function', function: target } };
}

function readToolChoice(value: unknown, path: string): string | { readonly name: string } {
  if (value === 'none' || value === 'auto' || value === 'required') return value;
  const allowed = '"none", "auto", "required" or {"type": "function", "name": ...}';
  if (!isRecord(value)) throw refuse('invalid_value', { path, value }, allowed);
  const type = required(value, 'type', { read: string, path });
  if (type !== 'function') {
    throw refuse('unsupported_value', { path: `${path}.type`, value: type }, allowed);
  }
  onlyFields(value, ['type', 'name'], path);
  return { name: required(value, 'name', { read: string, path }) };
}

function readText(value: unknown, path: string): TextOptions {
  const text = record(value, path);
  onlyFields(text, ['format', 'verbosity'], path);
  const verbosity = optional(text, 'verbosity', { read: oneOf('low', 'medium', 'high'), path });
  const format = optional(text, 'format', { read: record, path }) ?? { type: 'text' };
  return { format, verbosity, responseFormat: readFormat(format, `${path}.format`) };
}

function readFormat(format: Fields, path: string): object | undefined {
  const read = oneOf('text', 'json_object', 'json_schema');
  const type = required(format, 'type', { read, path });
  if (type === 'text') return undefined;
  if (type === 'json_object') return { type };
  onlyFields(format, ['type', 'name', 'schema', 'description', 'strict'], path);
  const { type: _, ...schema } = format;
  required(format, 'name', { read: string, path });
  required(format, 'schema', { read: record, path });
  return { type, json_schema: schema };
}

function readReasoningOptions(
  value: unknown,
  path: string,
): { readonly effort: string | undefined } {
  const reasoning = record(value, path);
  onlyFields(reasoning, ['effort', 'summary', 'generate_summary', 'context', 'mode'], path);
  optional(reasoning, 'mode', { read: oneOf('standard'), path });
  optional(reasoning, 'context', { read: oneOf('auto', 'all_turns'), path });
  return { effort: optional(reasoning, 'effort', { read: string, path }) };
}

function checkStreamOptions(value: unknown, path: string): void {
  const options = record(value, path);
  onlyFields(options, ['include_obfuscation'], path);
  optional(options, 'include_obfuscation', { read: oneOf(false), path });
}
