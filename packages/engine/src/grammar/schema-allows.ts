import { formatPatterns } from './formats.ts';
import type { SchemaFacts } from './schema-facts.ts';
import { typesOfKeywords, unsupported } from './schema-keywords.ts';

/** Whether one value of an enumeration satisfies what else the schema says. */
export function allowsValue(facts: SchemaFacts, value: unknown): boolean {
  const { types } = facts;
  if (value === null) return types.has('null');
  if (typeof value === 'boolean') return types.has('boolean');
  if (typeof value === 'string') return types.has('string') && allowsString(facts, value);
  if (typeof value === 'number') {
    return types.has(Number.isInteger(value) ? 'integer' : 'number') && allowsNumber(facts, value);
  }
  return allowsStructure(facts, Array.isArray(value) ? 'array' : 'object');
}

function allowsString(facts: SchemaFacts, value: string): boolean {
  const { lengthMin, lengthMax = Number.POSITIVE_INFINITY, patterns, formats, pointer } = facts;
  const length = [...value].length;
  if (length < lengthMin || length > lengthMax) return false;
  const sources = [...patterns, ...formats.map((format) => formatPatterns[format] ?? '')];
  try {
    return sources.every((source) => new RegExp(source, 'u').test(value));
  } catch {
    throw unsupported({
      pointer,
      keyword: 'pattern',
      value: patterns[0],
      allowed: 'a regular expression',
    });
  }
}

function allowsNumber({ lowest, highest }: SchemaFacts, value: number): boolean {
  const isAbove =
    lowest === undefined || (lowest.isExclusive ? value > lowest.value : value >= lowest.value);
  const isBelow =
    highest === undefined || (highest.isExclusive ? value < highest.value : value <= highest.value);
  return isAbove && isBelow;
}

function allowsStructure(facts: SchemaFacts, type: 'array' | 'object'): boolean {
  if (!facts.types.has(type)) return false;
  if (!facts.parts.some(({ schema }) => typesOfKeywords(schema).has(type))) return true;
  throw unsupported({
    pointer: facts.pointer,
    keyword: 'enum',
    allowed: `beside keywords of ${type}s only values that are no ${type}s`,
  });
}
