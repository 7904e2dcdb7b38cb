import { canonicalJson } from './canonical-json.ts';
import type { Conjunction, SchemaNode } from './schema-document.ts';
import {
  isSchemaObject,
  type JsonType,
  pointerTo,
  type SchemaObject,
  typesOfKeywords,
  unsupported,
} from './schema-keywords.ts';

/** What a conjunction of schemas says, taken together. */
export interface SchemaFacts {
  /** Where errors about the whole are reported. */
  readonly pointer: string;
  readonly types: ReadonlySet<JsonType>;
  /** Canonical JSON of the only values allowed. */
  readonly values: readonly string[] | undefined;
  readonly lengthMin: number;
  readonly lengthMax: number | undefined;
  readonly patterns: readonly string[];
  readonly formats: readonly string[];
  readonly lowest: NumberBound | undefined;
  readonly highest: NumberBound | undefined;
  readonly itemsMin: number;
  readonly itemsMax: number | undefined;
  readonly propertiesMin: number;
  readonly propertiesMax: number | undefined;
  readonly required: ReadonlySet<string>;
  readonly parts: Conjunction;
}

export interface NumberBound {
  readonly value: number;
  readonly isExclusive: boolean;
}

const allTypes: readonly JsonType[] = [
  'null',
  'boolean',
  'object',
  'array',
  'string',
  'number',
  'integer',
];
const typeNames: ReadonlySet<unknown> = new Set(allTypes);

/** Takes schemas together: the strictest of each bound holds. */
export function factsOf(parts: Conjunction): SchemaFacts {
  const counts = (keyword: string): readonly number[] => readAll(parts, keyword, readCount);
  const strings = (keyword: string): readonly string[] => [
    ...new Set(readAll(parts, keyword, readString)),
  ];
  for (const keyword of ['uniqueItems', 'nullable']) readAll(parts, keyword, readBoolean);
  readAll(parts, 'uniqueItems', refuseTrue);
  readAll(parts, 'multipleOf', readMultiple);
  return {
    pointer: parts[0]?.pointer ?? '#',
    types: typesOf(parts),
    values: valuesOf(parts),
    lengthMin: Math.max(0, ...counts('minLength')),
    lengthMax: leastOf(counts('maxLength')),
    patterns: strings('pattern'),
    formats: strings('format'),
    lowest: tightest([...bounds(parts, 'minimum'), ...bounds(parts, 'exclusiveMinimum')], 1),
    highest: tightest([...bounds(parts, 'maximum'), ...bounds(parts, 'exclusiveMaximum')], -1),
    itemsMin: Math.max(0, ...counts('minItems')),
    itemsMax: leastOf(counts('maxItems')),
    propertiesMin: Math.max(0, ...counts('minProperties')),
    propertiesMax: leastOf(counts('maxProperties')),
    required: new Set(readAll(parts, 'required', readNames).flat()),
    parts,
  };
}

/** The schemas that property `name` must satisfy; none when it may be anything. */
export function schemasOfProperty(parts: Conjunction, name: string): readonly SchemaNode[] {
  return parts.flatMap(({ schema, pointer }) => {
    const properties = propertiesOf(schema, pointer);
    if (Object.hasOwn(properties, name)) {
      return [{ schema: properties[name], pointer: pointerTo(pointer, 'properties', name) }];
    }
    return additionalOf({ schema, pointer });
  });
}

export function additionalOf({ schema, pointer }: Conjunction[number]): readonly SchemaNode[] {
  const additional = schema['additionalProperties'];
  if (additional === undefined) return [];
  return [{ schema: additional, pointer: pointerTo(pointer, 'additionalProperties') }];
}

export function propertiesOf(schema: SchemaObject, pointer: string): SchemaObject {
  const properties = schema['properties'];
  if (properties === undefined) return {};
  if (isSchemaObject(properties)) return properties;
  throw unsupported({
    pointer,
    keyword: 'properties',
    value: properties,
    allowed: 'an object of schemas',
  });
}

function typesOf(parts: Conjunction): ReadonlySet<JsonType> {
  let types: ReadonlySet<JsonType> = new Set(allTypes);
  let isNamed = false;
  for (const { schema, pointer } of parts) {
    const named = namedTypes(schema, pointer);
    if (named === undefined) continue;
    isNamed = true;
    types = types.intersection(named);
  }
  // Without `type` a keyword such as `properties` lets every other type pass, which nobody means.
  const meant = new Set(parts.flatMap(({ schema }) => [...typesOfKeywords(schema)]));
  const hasValues = parts.some(
    ({ schema }) => Object.hasOwn(schema, 'const') || Object.hasOwn(schema, 'enum'),
  );
  return isNamed || hasValues || meant.size === 0 ? types : meant;
}

function namedTypes(schema: SchemaObject, pointer: string): ReadonlySet<JsonType> | undefined {
  const { type } = schema;
  if (type === undefined) return undefined;
  const names: readonly unknown[] = Array.isArray(type) ? type : [type];
  if (names.length === 0 || !names.every((name): name is JsonType => typeNames.has(name))) {
    throw unsupported({ pointer, keyword: 'type', value: type, allowed: allTypes.join(', ') });
  }
  const types = new Set<JsonType>(names);
  if (types.has('number')) types.add('integer');
  if (schema['nullable'] === true) types.add('null');
  return types;
}

function valuesOf(parts: Conjunction): readonly string[] | undefined {
  let values: ReadonlySet<string> | undefined;
  const narrow = (more: readonly unknown[]): void => {
    const next = new Set(more.map(canonicalJson));
    values = values === undefined ? next : values.intersection(next);
  };
  for (const { schema, pointer } of parts) {
    if (Object.hasOwn(schema, 'const')) narrow([schema['const']]);
    const list = schema['enum'];
    if (list === undefined) continue;
    if (!Array.isArray(list))
      throw unsupported({ pointer, keyword: 'enum', value: list, allowed: 'an array' });
    narrow(list);
  }
  return values === undefined ? undefined : [...values];
}

function readAll<T>(
  parts: Conjunction,
  keyword: string,
  read: (value: unknown, refuse: (allowed: string) => Error) => T,
): readonly T[] {
  return parts.flatMap(({ schema, pointer }) => {
    const value = schema[keyword];
    if (value === undefined) return [];
    return [read(value, (allowed) => unsupported({ pointer, keyword, value, allowed }))];
  });
}

function bounds(parts: Conjunction, keyword: string): readonly NumberBound[] {
  const isExclusive = keyword.startsWith('exclusive');
  return readAll(parts, keyword, (value, refuse) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) throw refuse('a number');
    return { value, isExclusive };
  });
}

function readCount(value: unknown, refuse: (allowed: string) => Error): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw refuse('a whole number from 0');
}

function readString(value: unknown, refuse: (allowed: string) => Error): string {
  if (typeof value === 'string') return value;
  throw refuse('a string');
}

function readBoolean(value: unknown, refuse: (allowed: string) => Error): boolean {
  if (typeof value === 'boolean') return value;
  throw refuse('true or false');
}

function refuseTrue(value: unknown, refuse: (allowed: string) => Error): void {
  if (value === true) throw refuse('false: a grammar cannot remember which items came before');
}

function readMultiple(value: unknown, refuse: (allowed: string) => Error): void {
  if (value !== 1) throw refuse('1');
}

function readNames(value: unknown, refuse: (allowed: string) => Error): readonly string[] {
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  throw refuse('an array of property names');
}

function leastOf(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}

/** Of several bounds the one that allows least; `sign` is 1 for lower bounds, -1 for upper ones. */
function tightest(list: readonly NumberBound[], sign: 1 | -1): NumberBound | undefined {
  return list.toSorted(
    (one, other) =>
      sign * (other.value - one.value) || Number(other.isExclusive) - Number(one.isExclusive),
  )[0];
}
