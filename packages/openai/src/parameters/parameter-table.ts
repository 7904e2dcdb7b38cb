import { apiError, quoted } from '../error-response.ts';
import { RefusedError } from '../errors.ts';
import { isRecord, missing, type Reader, refuse } from './readers.ts';

/** What becomes of a parameter: it has its effect, it is taken without one, or the request is refused. */
export type ParameterEffect = 'honoured' | 'accepted' | 'refused';

/** One line of the parameter table of a route. */
export interface ParameterDescription {
  readonly name: string;
  readonly effect: ParameterEffect;
  readonly isRequired: boolean;
  /** What is allowed, or why it has no effect or is refused. */
  readonly note: string;
}

/** A parameter that has its effect. */
export interface HonouredParameter<Value> {
  readonly read: Reader<Value>;
  readonly note: string;
  readonly isRequired?: boolean;
}

/** A parameter that never has an effect of its own. */
export interface InertParameter {
  readonly effect: 'accepted' | 'refused';
  /** Refuses the values that would ask for an effect. */
  readonly check: Reader<void>;
  readonly note: string;
}

/** A route's parameters by name. `Fields` types those that are honoured. */
export interface ParameterTable<Fields> {
  readonly honoured: { readonly [Name in keyof Fields]: HonouredParameter<Fields[Name]> };
  readonly inert: Readonly<Record<string, InertParameter>>;
}

/** A parameter that is taken as it is: it changes nothing here, for the reason given. */
export function accepted(note: string): InertParameter {
  return { effect: 'accepted', check: () => undefined, note };
}

/** A parameter of which only the values that ask for nothing are taken. */
export function refusedUnless(neutral: readonly unknown[], note: string): InertParameter {
  const allowed = neutral.map((one) => JSON.stringify(one)).join(' or ');
  return {
    effect: 'refused',
    note: neutral.length === 0 ? note : `${note}; taken when ${allowed}`,
    check: (value, path) => {
      if (neutral.some((one) => isSame(one, value))) return;
      if (neutral.length > 0) {
        throw refuse('unsupported_value', { path, value }, `${allowed} only: ${note}`);
      }
      const message = `'${path}' is not supported: ${note}. It was ${quoted(value)}.`;
      throw new RefusedError(apiError('unsupported_parameter', message, { param: path }));
    },
  };
}

/** Reads a body in the order of its fields; the first problem is thrown. A null is as good as nothing. */
export function readParameters<Fields extends object>(
  body: unknown,
  table: ParameterTable<Fields>,
): Partial<Fields> {
  if (!isRecord(body)) {
    const message = `The body is ${quoted(body)}; allowed is a JSON object.`;
    throw new RefusedError(apiError('invalid_type', message));
  }
  const honoured: Readonly<Record<string, HonouredParameter<unknown>>> = table.honoured;
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) {
    const parameter = Object.hasOwn(honoured, name) ? honoured[name] : undefined;
    if (parameter === undefined) checkInert(table.inert, name, value);
    else if (value !== null) fields[name] = parameter.read(value, name);
  }
  for (const [name, parameter] of Object.entries(honoured)) {
    if (parameter.isRequired === true && fields[name] === undefined) throw missing(name);
  }
  return fields as Partial<Fields>;
}

/** The lines of a table, in its order. */
export function describeTable<Fields extends object>(
  table: ParameterTable<Fields>,
): readonly ParameterDescription[] {
  const honoured: Readonly<Record<string, HonouredParameter<unknown>>> = table.honoured;
  return [
    ...Object.entries(honoured).map(([name, { note, isRequired = false }]) => ({
      name,
      effect: 'honoured' as const,
      isRequired,
      note,
    })),
    ...Object.entries(table.inert).map(([name, { effect, note }]) => ({
      name,
      effect,
      isRequired: false,
      note,
    })),
  ];
}

/** Equality of plain values and of lists of them. */
function isSame(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return one.length === other.length && one.every((entry, index) => entry === other[index]);
}

function checkInert(
  inert: Readonly<Record<string, InertParameter>>,
  name: string,
  value: unknown,
): void {
  const parameter = Object.hasOwn(inert, name) ? inert[name] : undefined;
  if (parameter === undefined) {
    const message = `${quoted(name)} is not a parameter of this route.`;
    throw new RefusedError(apiError('unknown_parameter', message, { param: name }));
  }
  if (value !== null) parameter.check(value, name);
}
