import {
  accepted,
  boolean,
  engineParameterNames,
  engineParameters,
  type InertParameter,
  integer,
  list,
  number,
  oneOf,
  onlyFields,
  optional,
  type ParameterTable,
  record,
  refusedUnless,
  required,
  string,
  stringUpTo,
} from '@millrace/openai';
import { readSystem, readTurns, type Turn } from './chat-messages.ts';
import {
  type ChatBodyTool,
  type ChatBodyToolChoice,
  readToolChoice,
  readTools,
} from './chat-tools.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What `output_config` asks for. */
export interface OutputConfig {
  readonly schema: Fields | undefined;
  readonly effort: string | undefined;
}

/** Fields of a request whose tokens are counted, under their wire names. */
export interface CountFields {
  readonly model: string;
  readonly messages: readonly Turn[];
  readonly system: string;
  readonly tools: readonly ChatBodyTool[];
  readonly tool_choice: ChatBodyToolChoice;
  readonly thinking: { readonly isEnabled: boolean };
  readonly output_config: OutputConfig;
}

/** Fields of a request for a message, under their wire names. */
export interface MessagesFields extends CountFields, EngineFields {
  readonly max_tokens: number;
  readonly stop_sequences: readonly string[];
  readonly temperature: number;
  readonly top_p: number;
  readonly top_k: number;
  readonly metadata: { readonly userId: string | undefined };
  readonly stream: boolean;
}

type EngineFields = Readonly<Record<(typeof engineParameterNames)[number], unknown>>;

const tokensMax = 2 ** 31 - 1;
const stopsMax = 64;

const countHonoured: ParameterTable<CountFields>['honoured'] = {
  model: { read: stringUpTo(512), note: 'the name of a served model', isRequired: true },
  messages: {
    read: readTurns,
    note: 'text, image, document (plain text), tool_use, tool_result and thinking blocks',
    isRequired: true,
  },
  system: { read: readSystem, note: 'a string or text blocks' },
  tools: { read: readTools, note: 'custom tools, at most 128; no tools are run here' },
  tool_choice: { read: readToolChoice, note: 'auto, any, tool or none' },
  thinking: {
    read: readThinking,
    note: 'told to the chat template as enable_thinking and thinking; budget_tokens and display have no effect',
  },
  output_config: { read: readOutputConfig, note: 'format json_schema; effort as reasoning_effort' },
};

const inert: Readonly<Record<string, InertParameter>> = {
  cache_control: accepted('prefixes are found by their tokens'),
  context_management: accepted('nothing is cleared: a prompt that is too long is refused'),
  service_tier: accepted('there is one tier'),
  speed: refusedUnless(['standard'], 'there is one speed'),
  inference_geo: refusedUnless([], 'endpoints are chosen by the configuration'),
  container: refusedUnless([], 'nothing is run here'),
  mcp_servers: refusedUnless([[]], 'nothing is run here'),
  diagnostics: refusedUnless([], 'there are none'),
  user_profile_id: accepted('names an end user; it changes no answer'),
  workspace_id: accepted('names an end user’s place; it changes no answer'),
  output_format: refusedUnless([], 'use output_config.format'),
};

/** How each parameter of `POST /v1/messages/count_tokens` is taken. */
export const countTable: ParameterTable<CountFields> = { honoured: countHonoured, inert };

/** How each parameter of `POST /v1/messages` is taken. */
export const messagesTable: ParameterTable<MessagesFields> = {
  honoured: {
    ...countHonoured,
    max_tokens: { read: integer(1, tokensMax), note: '1 or more', isRequired: true },
    stop_sequences: {
      read: list(stringUpTo(1024), { least: 0, most: stopsMax }),
      note: 'as stop; an engine may take fewer',
    },
    temperature: { read: number(0, 1), note: '0 to 1' },
    top_p: { read: number(0, 1), note: '0 to 1' },
    top_k: { read: integer(0, tokensMax), note: 'a whole number; an engine must have it' },
    metadata: { read: readMetadata, note: 'user_id as user' },
    stream: { read: boolean, note: 'server-sent events' },
    ...engineParameters(engineParameterNames),
  },
  inert,
};

function readThinking(value: unknown, path: string): { readonly isEnabled: boolean } {
  const thinking = record(value, path);
  onlyFields(thinking, ['type', 'budget_tokens', 'display'], path);
  const type = required(thinking, 'type', { read: oneOf('enabled', 'adaptive', 'disabled'), path });
  optional(thinking, 'budget_tokens', { read: integer(1, tokensMax), path });
  optional(thinking, 'display', { read: string, path });
  return { isEnabled: type !== 'disabled' };
}

function readOutputConfig(value: unknown, path: string): OutputConfig {
  const config = record(value, path);
  onlyFields(config, ['effort', 'format'], path);
  const effort = optional(config, 'effort', { read: string, path });
  const format = optional(config, 'format', { read: record, path });
  if (format === undefined) return { effort, schema: undefined };
  const at = `${path}.format`;
  onlyFields(format, ['type', 'schema'], at);
  required(format, 'type', { read: oneOf('json_schema'), path: at });
  return { effort, schema: required(format, 'schema', { read: record, path: at }) };
}

function readMetadata(value: unknown, path: string): { readonly userId: string | undefined } {
  const metadata = record(value, path);
  onlyFields(metadata, ['user_id'], path);
  return { userId: optional(metadata, 'user_id', { read: string, path }) };
}
