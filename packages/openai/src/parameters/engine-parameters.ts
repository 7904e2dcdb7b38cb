import type { HonouredParameter, ParameterTable } from './parameter-table.ts';

/** Parameters of engines that the APIs translated onto chat completions have not; they go on as they came. */
export const engineParameterNames = [
  'chat_template_kwargs',
  'deadline_ms',
  'frequency_penalty',
  'ignore_eos',
  'logit_bias',
  'min_p',
  'presence_penalty',
  'priority',
  'repetition_penalty',
  'seed',
] as const;

const passedOn: HonouredParameter<unknown> = {
  read: (value) => value,
  note: 'extension; goes to the engine as it came',
};

/** Lines of a table for parameters that go on to the engine as they came. */
export function engineParameters<Name extends string>(
  names: readonly Name[],
): ParameterTable<Readonly<Record<Name, unknown>>>['honoured'] {
  return Object.fromEntries(names.map((name) => [name, passedOn])) as ParameterTable<
    Readonly<Record<Name, unknown>>
  >['honoured'];
}

/** Those of a request's fields that go on to the engine as they came. */
export function engineFieldsOf<Name extends string>(
  fields: Partial<Readonly<Record<Name, unknown>>>,
  names: readonly Name[],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]])),
  );
}
