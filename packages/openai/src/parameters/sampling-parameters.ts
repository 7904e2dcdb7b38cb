import { requestBounds } from '../options.ts';
import { refusedUnless, type InertParameter, type ParameterTable } from './parameter-table.ts';
import {
  boolean,
  integer,
  isRecord,
  list,
  number,
  type Reader,
  record,
  refuse,
  stringUpTo,
} from './readers.ts';

/** How tokens are drawn, as the request says; what is missing is left to the engine's default. */
export interface Sampling {
  readonly temperature: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly typicalP?: number;
  readonly repeatPenalty?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly penaltyLastTokens?: number;
  readonly seed?: number;
  readonly logitBias?: ReadonlyMap<number, number>;
}

/** Fields that every request for generated text shares, under their wire names. */
export interface GenerationFields {
  readonly model: string;
  readonly temperature: number;
  readonly top_p: number;
  readonly n: number;
  readonly stop: readonly string[];
  readonly seed: number;
  readonly frequency_penalty: number;
  readonly presence_penalty: number;
  readonly logit_bias: ReadonlyMap<number, number>;
  readonly stream: boolean;
  readonly stream_options: { readonly includesUsage: boolean };
  readonly top_k: number;
  readonly min_p: number;
  readonly typical_p: number;
  readonly repetition_penalty: number;
  readonly repeat_penalty: number;
  readonly repeat_last_n: number;
  readonly ignore_eos: boolean;
  readonly priority: number;
  readonly deadline_ms: number;
  readonly grammar: string;
  readonly n_predict: number;
}

const tokensMax = 2 ** 31 - 1;

/** A number of tokens to generate. */
export const tokenCount: Reader<number> = integer(1, tokensMax);

/** Honoured wherever text is generated. */
export const generationParameters: ParameterTable<GenerationFields>['honoured'] = {
  model: { read: stringUpTo(512), note: 'the name of a served model', isRequired: true },
  temperature: { read: number(0, 2), note: '0 to 2, default 1; 0 takes the most probable token' },
  top_p: { read: number(0, 1), note: '0 to 1, default 1' },
  n: {
    read: integer(1, requestBounds.choicesMax),
    note: '1 to 128, default 1; the prompt is computed once',
  },
  stop: { read: readStop, note: 'a string, or up to 4' },
  seed: {
    read: integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    note: 'a whole number; repeats a draw as far as batching leaves the logits the same',
  },
  frequency_penalty: { read: number(-2, 2), note: '-2 to 2, default 0; counts generated tokens' },
  presence_penalty: { read: number(-2, 2), note: '-2 to 2, default 0; counts generated tokens' },
  logit_bias: { read: readLogitBias, note: 'token ids to -100 to 100, at most 1024 of them' },
  stream: { read: boolean, note: 'server-sent events' },
  stream_options: {
    read: readStreamOptions,
    note: 'include_usage; include_obfuscation only as false',
  },
  top_k: { read: integer(-1, tokensMax), note: 'extension; -1 and 0 are off' },
  min_p: { read: number(0, 1), note: 'extension; 0 is off' },
  typical_p: { read: number(0, 1), note: 'extension; 1 is off' },
  repetition_penalty: {
    read: number(0.01, 10),
    note: 'extension (vLLM); 1 is off; counts generated tokens',
  },
  repeat_penalty: {
    read: number(0.01, 10),
    note: 'extension (llama.cpp); the same as repetition_penalty',
  },
  repeat_last_n: {
    read: integer(0, tokensMax),
    note: 'extension (llama.cpp); generated tokens that penalties look back on; default all',
  },
  ignore_eos: { read: boolean, note: 'extension; goes on past the end of text' },
  priority: { read: integer(-1000, 1000), note: 'extension; smaller is more urgent, default 0' },
  deadline_ms: {
    read: integer(1, requestBounds.deadlineMsMax),
    note: 'extension (Millrace); the request fails when it takes longer',
  },
  grammar: {
    read: stringUpTo(requestBounds.grammarCharactersMax),
    note: 'extension (llama.cpp); GBNF that the answer follows; not together with response_format',
  },
  n_predict: { read: tokenCount, note: 'extension (llama.cpp); the same as max_tokens' },
};

const alwaysShared = 'prompts share a cache always';
const notHere = 'this sampler does not exist here';

/** Extensions of vLLM and llama.cpp that clients send by default and that have no effect here. */
export const inertExtensions: Readonly<Record<string, InertParameter>> = {
  cache_prompt: refusedUnless([true], alwaysShared),
  id_slot: refusedUnless([-1], 'sequences are placed by the engine'),
  min_tokens: refusedUnless([0], 'a least length is not supported; see ignore_eos'),
  n_keep: refusedUnless([0], 'a prompt is never cut'),
  truncate_prompt_tokens: refusedUnless([], 'a prompt is never cut'),
  stop_token_ids: refusedUnless([[]], 'stop by strings, or forbid tokens by logit_bias'),
  include_stop_str_in_output: refusedUnless([false], 'an answer ends before its stop string'),
  skip_special_tokens: refusedUnless([true], 'control tokens are never part of an answer'),
  spaces_between_special_tokens: refusedUnless(
    [true, false],
    'control tokens are never part of an answer',
  ),
  use_beam_search: refusedUnless([false], 'beam search is not supported'),
  length_penalty: refusedUnless([1], 'beam search is not supported'),
  prompt_logprobs: refusedUnless([0], 'probabilities of a prompt are not supported'),
  return_tokens_as_token_ids: refusedUnless([false], 'tokens are written as text'),
  return_token_ids: refusedUnless([false], 'see /tokenize'),
  n_probs: refusedUnless([0], 'see logprobs'),
  timings_per_token: refusedUnless([false], 'see /metrics'),
  mirostat: refusedUnless([0], notHere),
  dry_multiplier: refusedUnless([0], notHere),
  xtc_probability: refusedUnless([0], notHere),
  dynatemp_range: refusedUnless([0], notHere),
  samplers: refusedUnless([], 'the order of samplers is fixed'),
  json_schema: refusedUnless([], 'use response_format'),
  guided_json: refusedUnless([], 'use response_format'),
  guided_regex: refusedUnless([], 'use grammar'),
  guided_choice: refusedUnless([], 'use grammar'),
  guided_grammar: refusedUnless([], 'use grammar'),
  structured_outputs: refusedUnless([], 'use response_format or grammar'),
  lora: refusedUnless([[]], 'adapters are not served'),
};

/** The sampling that fields ask for. */
export function samplingOf(fields: Partial<GenerationFields>): Sampling {
  const repeatPenalty = fields.repetition_penalty ?? fields.repeat_penalty;
  return {
    temperature: fields.temperature ?? 1,
    ...(fields.top_p !== undefined && { topP: fields.top_p }),
    ...(fields.top_k !== undefined && fields.top_k > 0 && { topK: fields.top_k }),
    ...(fields.min_p !== undefined && { minP: fields.min_p }),
    ...(fields.typical_p !== undefined && { typicalP: fields.typical_p }),
    ...(repeatPenalty !== undefined && { repeatPenalty }),
    ...penaltiesOf(fields),
    ...(fields.seed !== undefined && { seed: fields.seed }),
    ...(fields.logit_bias !== undefined && { logitBias: fields.logit_bias }),
  };
}

function penaltiesOf(fields: Partial<GenerationFields>): Partial<Sampling> {
  return {
    ...(fields.frequency_penalty !== undefined && { frequencyPenalty: fields.frequency_penalty }),
    ...(fields.presence_penalty !== undefined && { presencePenalty: fields.presence_penalty }),
    ...(fields.repeat_last_n !== undefined && { penaltyLastTokens: fields.repeat_last_n }),
  };
}

function readStop(value: unknown, path: string): readonly string[] {
  const { stopCharactersMax, stopsMax } = requestBounds;
  const read = stringUpTo(stopCharactersMax);
  if (Array.isArray(value)) return list(read, { least: 0, most: stopsMax })(value, path);
  if (typeof value === 'string') return [read(value, path)];
  throw refuse('invalid_type', { path, value }, `a string or a list of up to ${stopsMax} strings`);
}

function readLogitBias(value: unknown, path: string): ReadonlyMap<number, number> {
  const entries = Object.entries(record(value, path));
  if (entries.length > requestBounds.logitBiasesMax) {
    const allowed = `an object of up to ${requestBounds.logitBiasesMax} tokens, and it has ${entries.length}`;
    throw refuse('invalid_value', { path, value }, allowed);
  }
  const biases = new Map<number, number>();
  for (const [key, bias] of entries) {
    const token = /^\d{1,10}$/.test(key) ? Number(key) : Number.NaN;
    if (!(token <= requestBounds.tokenIdMax)) {
      throw refuse('invalid_value', { path, value: key }, 'an object whose names are token ids');
    }
    biases.set(token, number(-100, 100)(bias, `${path}.${key}`));
  }
  return biases;
}

function readStreamOptions(value: unknown, path: string): { readonly includesUsage: boolean } {
  if (!isRecord(value)) throw refuse('invalid_type', { path, value }, 'an object');
  let includesUsage = false;
  for (const [name, entry] of Object.entries(value)) {
    const at = `${path}.${name}`;
    if (name === 'include_usage') includesUsage = boolean(entry, at);
    else if (name !== 'include_obfuscation' || entry !== false) {
      throw refuse(
        'unsupported_parameter',
        { path: at, value: entry },
        'include_usage, or include_obfuscation as false',
      );
    }
  }
  return { includesUsage };
}
