import { apiError } from '../error-response.ts';
import { RefusedError } from '../errors.ts';
import {
  type GenerationFields,
  type Sampling,
  samplingOf,
} from '../parameters/sampling-parameters.ts';

/** What every request for generated text says. */
export interface GenerationOptions {
  readonly model: string;
  readonly isStreamed: boolean;
  /** A last chunk tells the usage. */
  readonly includesUsage: boolean;
  readonly choiceCount: number;
  readonly stop: readonly string[];
  readonly sampling: Sampling;
  readonly ignoreEos: boolean;
  readonly priority: number;
  readonly deadlineMs?: number;
  /** GBNF. */
  readonly grammar?: string;
}

/** Puts the shared fields together. */
export function generationOptionsOf(fields: Partial<GenerationFields>): GenerationOptions {
  const isStreamed = checkedStream(fields);
  return {
    model: fields.model ?? '',
    isStreamed,
    includesUsage: fields.stream_options?.includesUsage ?? false,
    choiceCount: fields.n ?? 1,
    stop: fields.stop ?? [],
    sampling: samplingOf(fields),
    ignoreEos: fields.ignore_eos ?? false,
    priority: fields.priority ?? 0,
    ...(fields.deadline_ms !== undefined && { deadlineMs: fields.deadline_ms }),
    ...(fields.grammar !== undefined && { grammar: fields.grammar }),
  };
}

function checkedStream(fields: Partial<GenerationFields>): boolean {
  onlyOneOf({
    repetition_penalty: fields.repetition_penalty,
    repeat_penalty: fields.repeat_penalty,
  });
  const isStreamed = fields.stream ?? false;
  if (fields.stream_options === undefined || isStreamed) return isStreamed;
  const message = "'stream_options' is allowed only when 'stream' is true.";
  throw contradiction('stream_options', message);
}

/** The refusal of a field that does not go with another. */
export function contradiction(path: string, message: string): RefusedError {
  return new RefusedError(apiError('invalid_value', message, { param: path }));
}

/** The one value of parameters that mean the same; refuses two that differ. */
export function onlyOneOf<Value>(
  values: Readonly<Record<string, Value | undefined>>,
): Value | undefined {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const [first, second] = given;
  if (first !== undefined && second !== undefined && first[1] !== second[1]) {
    throw contradiction(
      second[0],
      `'${first[0]}' and '${second[0]}' mean the same and differ: send one.`,
    );
  }
  return first?.[1];
}
