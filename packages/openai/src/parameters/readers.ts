import { apiError, type ApiErrorCode, quoted } from '../error-response.ts';
import { RefusedError } from '../errors.ts';

/** Turns an unknown value into a typed one; throws `RefusedError` naming `path`. */
export type Reader<Value> = (value: unknown, path: string) => Value;

/** The refusal of one value: where, what it is, what is allowed. */
export function refuse(
  code: ApiErrorCode,
  at: { readonly path: string; readonly value: unknown },
  allowed: string,
): RefusedError {
  const { path, value } = at;
  const message = `'${path}' is ${quoted(value)}; allowed is ${allowed}.`;
  return new RefusedError(apiError(code, message, { param: path }));
}

export const boolean: Reader<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value;
  throw refuse('invalid_type', { path, value }, 'true or false');
};

export const string: Reader<string> = (value, path) => {
  if (typeof value === 'string') return value;
  throw refuse('invalid_type', { path, value }, 'a string');
};

/** A string of one to `charactersMax` characters. */
export function stringUpTo(charactersMax: number): Reader<string> {
  return (value, path) => {
    const text = string(value, path);
    if (text.length >= 1 && text.length <= charactersMax) return text;
    throw refuse('invalid_value', { path, value }, `a string of 1 to ${charactersMax} characters`);
  };
}

/** A number from `least` to `most`. */
export function number(least: number, most: number): Reader<number> {
  return (value, path) => {
    const allowed = `a number from ${least} to ${most}`;
    if (typeof value !== 'number') throw refuse('invalid_type', { path, value }, allowed);
    if (value >= least && value <= most) return value;
    throw refuse('invalid_value', { path, value }, allowed);
  };
}

/** A whole number from `least` to `most`. */
export function integer(least: number, most: number): Reader<number> {
  return (value, path) => {
    const allowed = `a whole number from ${least} to ${most}`;
    if (typeof value !== 'number') throw refuse('invalid_type', { path, value }, allowed);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw refuse('invalid_value', { path, value }, allowed);
  };
}

/** One of a few values. */
export function oneOf<const Value extends string | number | boolean>(
  ...values: readonly Value[]
): Reader<Value> {
  return (value, path) => {
    const found = values.find((allowed) => allowed === value);
    if (found !== undefined) return found;
    throw refuse('invalid_value', { path, value }, values.map(quoted).join(' or '));
  };
}

/** A list of `least` to `most` values. */
export function list<Value>(
  read: Reader<Value>,
  bounds: { readonly least: number; readonly most: number },
): Reader<readonly Value[]> {
  const { least, most } = bounds;
  return (value, path) => {
    const allowed = `a list of ${least} to ${most} entries`;
    if (!Array.isArray(value)) throw refuse('invalid_type', { path, value }, allowed);
    if (value.length < least || value.length > most) {
      throw refuse('invalid_value', { path, value }, `${allowed}, and it has ${value.length}`);
    }
    return value.map((entry: unknown, index) => read(entry, `${path}[${index}]`));
  };
}

/** A JSON object. */
export const record: Reader<Readonly<Record<string, unknown>>> = (value, path) => {
  if (isRecord(value)) return value;
  throw refuse('invalid_type', { path, value }, 'an object');
};

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field that must be there. */
export function required<Value>(
  object: Readonly<Record<string, unknown>>,
  name: string,
  reader: { readonly read: Reader<Value>; readonly path: string },
): Value {
  const path = reader.path === '' ? name : `${reader.path}.${name}`;
  const value = object[name];
  if (value !== undefined) return reader.read(value, path);
  throw missing(path);
}

/** A field that may be missing or null. */
export function optional<Value>(
  object: Readonly<Record<string, unknown>>,
  name: string,
  reader: { readonly read: Reader<Value>; readonly path: string },
): Value | undefined {
  const value = object[name];
  if (value === undefined || value === null) return undefined;
  return reader.read(value, reader.path === '' ? name : `${reader.path}.${name}`);
}

/** Refuses the fields of an object that are not among `names`. */
export function onlyFields(
  object: Readonly<Record<string, unknown>>,
  names: readonly string[],
  path: string,
): void {
  for (const name of Object.keys(object)) {
    if (names.includes(name)) continue;
    const at = `${path}.${name}`;
    const message = `'${at}' is not known; known here: ${names.join(', ')}.`;
    throw new RefusedError(apiError('unknown_parameter', message, { param: at }));
  }
}

export function missing(path: string): RefusedError {
  const message = `'${path}' is missing.`;
  return new RefusedError(apiError('missing_required_parameter', message, { param: path }));
}
