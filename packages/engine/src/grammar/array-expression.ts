import { type Expression, choice, nothing, sequence } from './expression.ts';
import type { GrammarBuilder } from './grammar-builder.ts';
import type { Content, JsonRules } from './json-rules.ts';
import type { Compile } from './object-expression.ts';
import type { Conjunction, SchemaNode } from './schema-document.ts';
import type { SchemaFacts } from './schema-facts.ts';
import { pointerTo, unsupported } from './schema-keywords.ts';

interface ArrayParts {
  readonly builder: GrammarBuilder;
  readonly rules: JsonRules;
  readonly compile: Compile;
}

const itemsBound = 10_000;

/** Arrays that the facts allow; none when there is none. */
export function arrayExpression(parts: ArrayParts, facts: SchemaFacts): Expression | undefined {
  checkCounts(facts);
  const { itemsMin: min, itemsMax = Number.POSITIVE_INFINITY } = facts;
  const heads = headExpressions(parts, facts.parts, itemsMax);
  const isRestPossible = heads.length === headCount(facts.parts) && heads.length < itemsMax;
  const rest = isRestPossible ? parts.compile(schemasOfItem(facts.parts, undefined)) : undefined;
  const most = rest === undefined ? heads.length : itemsMax;
  if (most < min) return undefined;
  const max = Number.isFinite(most) ? most : undefined;
  const content =
    heads.length === 0 && rest !== undefined
      ? parts.rules.separated(rest, { min, max })
      : tupleContent(parts, { heads, rest, min, max });
  return parts.builder.add('array', parts.rules.enclose('[', content, ']'));
}

function checkCounts({ pointer, itemsMin, itemsMax = 0 }: SchemaFacts): void {
  if (Math.max(itemsMin, itemsMax) <= itemsBound) return;
  const keyword = itemsMin > itemsBound ? 'minItems' : 'maxItems';
  throw unsupported({ pointer, keyword, allowed: `at most ${itemsBound}` });
}

/** The first items, up to one that nothing satisfies. */
function headExpressions(
  { compile }: ArrayParts,
  conjunction: Conjunction,
  max: number,
): readonly Expression[] {
  const heads: Expression[] = [];
  const count = Math.min(max, headCount(conjunction));
  while (heads.length < count) {
    const head = compile(schemasOfItem(conjunction, heads.length));
    if (head === undefined) break;
    heads.push(head);
  }
  return heads;
}

function tupleContent(
  { builder, rules }: ArrayParts,
  tuple: {
    readonly heads: readonly Expression[];
    readonly rest: Expression | undefined;
    readonly min: number;
    readonly max: number | undefined;
  },
): Content {
  const { heads, rest, min, max } = tuple;
  let after: Expression = nothing;
  if (rest !== undefined) {
    const counts = {
      min: Math.max(0, min - heads.length),
      max: max === undefined ? undefined : max - heads.length,
    };
    after = builder.repeat(sequence(rules.comma(), rest), counts);
  }
  for (const [index, head] of [...heads.entries()].toReversed()) {
    if (index === 0) return { canBeEmpty: min === 0, some: sequence(head, after) };
    const next = sequence(rules.comma(), head, after);
    after = builder.add('items', index < min ? next : choice(next, nothing));
  }
  return { canBeEmpty: true, some: undefined };
}

function headCount(parts: Conjunction): number {
  return Math.max(0, ...parts.map((part) => headsOf(part).length));
}

/** The schemas of the item at an index, or of those after all heads. */
function schemasOfItem(parts: Conjunction, index: number | undefined): readonly SchemaNode[] {
  return parts.flatMap((part) => {
    const heads = headsOf(part);
    if (index !== undefined && index < heads.length) return [heads[index] as SchemaNode];
    const { schema, pointer } = part;
    const items = schema['items'];
    return items === undefined ? [] : [{ schema: items, pointer: pointerTo(pointer, 'items') }];
  });
}

function headsOf({ schema, pointer }: Conjunction[number]): readonly SchemaNode[] {
  const heads = schema['prefixItems'];
  if (heads === undefined) return [];
  if (!Array.isArray(heads) || heads.length > itemsBound) {
    throw unsupported({
      pointer,
      keyword: 'prefixItems',
      allowed: `an array of at most ${itemsBound} schemas`,
    });
  }
  return heads.map((head: unknown, index) => ({
    schema: head,
    pointer: pointerTo(pointer, 'prefixItems', index),
  }));
}
