import { commonRanges } from './code-ranges.ts';
import { choice, type Expression, optional, sequence, set, text } from './expression.ts';
import { formatPatterns } from './formats.ts';
import type { GrammarBuilder } from './grammar-builder.ts';
import { type JsonRules, plainCodes } from './json-rules.ts';
import { lengthsOf, parsePattern, type Pattern } from './pattern.ts';
import type { SchemaFacts } from './schema-facts.ts';
import { unsupported } from './schema-keywords.ts';

const lengthMax = 1_000_000;

/** JSON strings that the facts allow; none when there is no such string. */
export function stringExpression(
  builder: GrammarBuilder,
  rules: JsonRules,
  facts: SchemaFacts,
): Expression | undefined {
  const { pointer, lengthMin } = facts;
  const over = Math.max(lengthMin, facts.lengthMax ?? 0);
  if (over > lengthMax) {
    const keyword = lengthMin > lengthMax ? 'minLength' : 'maxLength';
    throw unsupported({ pointer, keyword, value: over, allowed: `at most ${lengthMax}` });
  }
  if (facts.lengthMax !== undefined && facts.lengthMax < lengthMin) return undefined;
  const pattern = patternOf(facts);
  if (pattern === undefined) {
    if (lengthMin === 0 && facts.lengthMax === undefined) return rules.string();
    const characters = builder.repeat(rules.character(), { min: lengthMin, max: facts.lengthMax });
    return builder.add('string', sequence(text('"'), characters, text('"')));
  }
  const body = expressionOf(builder, pattern);
  return body === undefined
    ? undefined
    : builder.add('string', sequence(text('"'), body, text('"')));
}

function patternOf(facts: SchemaFacts): Pattern | undefined {
  const { pointer, patterns, formats } = facts;
  const [format] = formats;
  const [source] = patterns;
  if (patterns.length + formats.length > 1) {
    const keyword = patterns.length > 0 ? 'pattern' : 'format';
    throw unsupported({
      pointer,
      keyword,
      value: source ?? format,
      allowed: 'one pattern or one format a string',
    });
  }
  if (format !== undefined) return checkedPattern(facts, 'format', formatSource(format, pointer));
  return source === undefined ? undefined : checkedPattern(facts, 'pattern', source);
}

function formatSource(format: string, pointer: string): string {
  const source = Object.hasOwn(formatPatterns, format) ? formatPatterns[format] : undefined;
  if (source !== undefined) return source;
  const allowed = Object.keys(formatPatterns).join(', ');
  throw unsupported({ pointer, keyword: 'format', value: format, allowed });
}

function checkedPattern(facts: SchemaFacts, keyword: string, source: string): Pattern {
  const { pointer, lengthMin, lengthMax: longest = Number.POSITIVE_INFINITY } = facts;
  const parsed = parsePattern(source);
  if (parsed.kind === 'refused') {
    const allowed = `characters, classes, groups, alternatives, repetitions and anchors at the ends; ${parsed.reason}`;
    throw unsupported({ pointer, keyword, value: source, allowed });
  }
  const lengths = lengthsOf(parsed.pattern);
  if (lengths.min >= lengthMin && lengths.max <= longest) return parsed.pattern;
  throw unsupported({
    pointer,
    keyword: lengths.min < lengthMin ? 'minLength' : 'maxLength',
    allowed: `beside "${keyword}" only lengths that it keeps by itself; write the length into the pattern`,
  });
}

/** A pattern's characters as they stand within a JSON string; none when nothing can match. */
function expressionOf(builder: GrammarBuilder, pattern: Pattern): Expression | undefined {
  switch (pattern.kind) {
    case 'characters':
      return charactersOf(pattern.ranges);
    case 'all': {
      const parts = pattern.parts.map((part) => expressionOf(builder, part));
      const present = parts.filter((part) => part !== undefined);
      return present.length < parts.length ? undefined : sequence(...present);
    }
    case 'one-of': {
      const parts = pattern.parts.map((part) => expressionOf(builder, part));
      const present = parts.filter((part) => part !== undefined);
      return present.length === 0 ? undefined : choice(...present);
    }
    case 'repeated':
      return repeatedOf(builder, pattern);
  }
}

function repeatedOf(
  builder: GrammarBuilder,
  { part, min, max }: Extract<Pattern, { kind: 'repeated' }>,
): Expression | undefined {
  const item = expressionOf(builder, part);
  if (item === undefined) return min === 0 ? text('') : undefined;
  const lengths = lengthsOf(part);
  if (lengths.max === 0) return text('');
  // An item that may be empty, repeated without end, would be left recursion to libllama.
  if (lengths.min === 0 && max === undefined) {
    const some = nonEmpty(builder, part);
    return some === undefined ? text('') : builder.repeat(some, { min: 0 });
  }
  if (min === 0 && max === 1) return optional(item);
  return builder.repeat(item, { min, max });
}

/** What a part matches, without the nothing that it may match too. */
function nonEmpty(builder: GrammarBuilder, part: Pattern): Expression | undefined {
  const lengths = lengthsOf(part);
  if (lengths.max === 0) return undefined;
  if (lengths.min > 0) return expressionOf(builder, part);
  const options = nonEmptyOptions(builder, part).filter((option) => option !== undefined);
  return options.length === 0 ? undefined : choice(...options);
}

function nonEmptyOptions(
  builder: GrammarBuilder,
  part: Pattern,
): readonly (Expression | undefined)[] {
  switch (part.kind) {
    case 'characters':
      return [expressionOf(builder, part)];
    case 'one-of':
      return part.parts.map((one) => nonEmpty(builder, one));
    case 'repeated':
      // It stands in a repetition without end, which makes up for the further times.
      return [nonEmpty(builder, part.part)];
    case 'all':
      // All parts may be empty: the first that is not begins.
      return part.parts.map((one, index) => {
        const head = nonEmpty(builder, one);
        const rest = expressionOf(builder, { kind: 'all', parts: part.parts.slice(index + 1) });
        return head && rest && sequence(head, rest);
      });
  }
}

const shortEscapes: Readonly<Record<number, string>> = {
  0x08: '\\b',
  0x09: '\\t',
  0x0a: '\\n',
  0x0c: '\\f',
  0x0d: '\\r',
  0x22: '\\"',
  0x5c: '\\\\',
};

/** Characters as JSON writes them: plainly, or escaped where it must be so. */
function charactersOf(ranges: readonly (readonly [number, number])[]): Expression | undefined {
  const options: Expression[] = [];
  const plain = commonRanges(ranges, plainCodes);
  const [first] = plain;
  if (plain.length === 1 && first !== undefined && first[0] === first[1]) {
    options.push(text(String.fromCodePoint(first[0])));
  } else if (plain.length > 0) {
    options.push(set(...plain));
  }
  const escaped = commonRanges(ranges, [
    [0, 0x1f],
    [0x22, 0x22],
    [0x5c, 0x5c],
  ]);
  for (const [from, to] of escaped) {
    for (let code = from; code <= to; code++) {
      options.push(text(shortEscapes[code] ?? `\\u${code.toString(16).padStart(4, '0')}`));
    }
  }
  return options.length === 0 ? undefined : choice(...options);
}
