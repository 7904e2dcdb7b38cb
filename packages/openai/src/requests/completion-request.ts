import { requestBounds } from '../options.ts';
import { identifyingParameters } from '../parameters/inert-parameters.ts';
import {
  describeTable,
  type ParameterDescription,
  type ParameterTable,
  readParameters,
  refusedUnless,
} from '../parameters/parameter-table.ts';
import { boolean, integer, missing } from '../parameters/readers.ts';
import {
  type GenerationFields,
  generationParameters,
  inertExtensions,
  tokenCount,
} from '../parameters/sampling-parameters.ts';
import {
  contradiction,
  type GenerationOptions,
  generationOptionsOf,
  onlyOneOf,
} from './generation-options.ts';
import { type Parsed, parseWith } from './parsed.ts';
import { readTexts, type TextInput } from './text-input.ts';

/** A request to go on with one or more texts. */
export interface CompletionRequest extends GenerationOptions {
  readonly prompts: readonly TextInput[];
  readonly maxTokens: number;
  /** The answer begins with the prompt. */
  readonly echoes: boolean;
  readonly logprobs?: { readonly topCount: number };
  readonly addsSpecialTokens: boolean;
}

/** OpenAI's own default. */
const completionTokensDefault = 16;

interface CompletionFields extends GenerationFields {
  readonly prompt: readonly TextInput[];
  readonly max_tokens: number;
  readonly echo: boolean;
  readonly logprobs: number;
  readonly best_of: number;
  readonly add_special_tokens: boolean;
}

const completionTable: ParameterTable<CompletionFields> = {
  honoured: {
    ...generationParameters,
    prompt: {
      read: readTexts(requestBounds.promptsMax),
      note: 'a string, token ids, or up to 256 of either',
      isRequired: true,
    },
    max_tokens: { read: tokenCount, note: `default ${completionTokensDefault}, as OpenAI has it` },
    echo: { read: boolean, note: 'not together with logprobs' },
    logprobs: { read: integer(0, requestBounds.topLogprobsMax), note: '0 to 20 alternatives' },
    best_of: { read: integer(1, requestBounds.choicesMax), note: 'only as many as n' },
    add_special_tokens: { read: boolean, note: 'extension (vLLM); default true' },
  },
  inert: {
    ...identifyingParameters,
    suffix: refusedUnless([''], 'filling in is not supported'),
    ...inertExtensions,
  },
};

/** How each parameter of a completion is taken. */
export function describeCompletionParameters(): readonly ParameterDescription[] {
  return describeTable(completionTable);
}

/** Reads the body of `POST /v1/completions`. */
export function parseCompletionRequest(body: unknown): Parsed<CompletionRequest> {
  return parseWith(() => completionRequestOf(readParameters(body, completionTable)));
}

function completionRequestOf(fields: Partial<CompletionFields>): CompletionRequest {
  const { prompt, logprobs } = fields;
  if (prompt === undefined) throw missing('prompt');
  const options = generationOptionsOf(fields);
  const maxTokens = onlyOneOf({ max_tokens: fields.max_tokens, n_predict: fields.n_predict });
  checkCounts(fields, prompt.length);
  if (fields.echo === true && logprobs !== undefined) {
    throw contradiction(
      'logprobs',
      "'logprobs' together with 'echo' needs the probabilities of a prompt, which are not supported.",
    );
  }
  return {
    ...options,
    prompts: prompt,
    maxTokens: maxTokens ?? completionTokensDefault,
    echoes: fields.echo ?? false,
    ...(logprobs !== undefined && { logprobs: { topCount: logprobs } }),
    addsSpecialTokens: fields.add_special_tokens ?? true,
  };
}

function checkCounts(fields: Partial<CompletionFields>, promptCount: number): void {
  const choiceCount = fields.n ?? 1;
  if (fields.best_of !== undefined && fields.best_of !== choiceCount) {
    throw contradiction(
      'best_of',
      `'best_of' is ${fields.best_of} and 'n' is ${choiceCount}; they must be equal: all answers are returned.`,
    );
  }
  const { answersMax } = requestBounds;
  if (promptCount * choiceCount <= answersMax) return;
  throw contradiction(
    'n',
    `${promptCount} prompts with ${choiceCount} answers each are ${promptCount * choiceCount}; allowed are ${answersMax}.`,
  );
}
