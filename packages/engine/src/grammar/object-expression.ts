import { type Expression, choice, nothing, sequence, text } from './expression.ts';
import type { GrammarBuilder } from './grammar-builder.ts';
import type { Content, JsonRules } from './json-rules.ts';
import type { SchemaNode } from './schema-document.ts';
import { additionalOf, propertiesOf, schemasOfProperty, type SchemaFacts } from './schema-facts.ts';
import { unsupported } from './schema-keywords.ts';

/** Makes the expression of a value that satisfies all the schemas; none when nothing does. */
export type Compile = (nodes: readonly SchemaNode[]) => Expression | undefined;

interface ObjectParts {
  readonly builder: GrammarBuilder;
  readonly rules: JsonRules;
  readonly compile: Compile;
}

interface Member {
  readonly expression: Expression;
  readonly isRequired: boolean;
}

/**
 * Objects that the facts allow, their properties in the order in which they are declared; none when there is none.
 * Further properties come last, and only where the schema speaks of them or declares no property at all.
 */
export function objectExpression(parts: ObjectParts, facts: SchemaFacts): Expression | undefined {
  checkUnevaluated(facts);
  const names = new Set(
    facts.parts.flatMap(({ schema, pointer }) => Object.keys(propertiesOf(schema, pointer))),
  );
  for (const name of facts.required) names.add(name);
  if (names.size === 0) return mapExpression(parts, facts);
  refuseCounts(facts);
  const members: Member[] = [];
  for (const name of names) {
    const isRequired = facts.required.has(name);
    const value = parts.compile(schemasOfProperty(facts.parts, name));
    if (value === undefined && isRequired) return undefined;
    if (value === undefined) continue;
    members.push({
      expression: sequence(text(JSON.stringify(name)), parts.rules.colon(), value),
      isRequired,
    });
  }
  const further = saysMore(facts) ? furtherMember(parts, facts, [...names]) : undefined;
  return parts.builder.add(
    'object',
    parts.rules.enclose('{', membersContent(parts, members, further), '}'),
  );
}

/** A key that is none of the declared names takes a rule for each of their characters. */
const otherNameLengthMax = 256;

function checkUnevaluated({ parts }: SchemaFacts): void {
  for (const { schema, pointer } of parts) {
    const value = schema['unevaluatedProperties'];
    if (value === undefined || typeof value === 'boolean') continue;
    throw unsupported({
      pointer,
      keyword: 'unevaluatedProperties',
      value,
      allowed: 'true or false',
    });
  }
}

function mapExpression(parts: ObjectParts, facts: SchemaFacts): Expression | undefined {
  const { propertiesMin: min, propertiesMax: max } = facts;
  if (max !== undefined && max < min) return undefined;
  // An empty list of properties is still a list; only an object without one may hold anything.
  const isClosed =
    !saysMore(facts) &&
    facts.parts.some(
      ({ schema }) =>
        schema['properties'] !== undefined || schema['unevaluatedProperties'] === false,
    );
  const member = isClosed ? undefined : furtherMember(parts, facts, []);
  if (min > 1) {
    const allowed = '0 or 1: a grammar cannot see that two keys are the same';
    throw unsupported({ pointer: facts.pointer, keyword: 'minProperties', value: min, allowed });
  }
  if (member === undefined && min > 0) return undefined;
  const content =
    member === undefined
      ? { canBeEmpty: true, some: undefined }
      : parts.rules.separated(member, { min, max });
  return parts.builder.add('object', parts.rules.enclose('{', content, '}'));
}

function refuseCounts({ pointer, propertiesMin, propertiesMax }: SchemaFacts): void {
  const keyword = propertiesMin > 0 ? 'minProperties' : 'maxProperties';
  if (propertiesMin === 0 && propertiesMax === undefined) return;
  throw unsupported({
    pointer,
    keyword,
    allowed: 'objects that declare no properties; else use "required"',
  });
}

/** True when a schema allows properties that are not declared, and says so. */
function saysMore({ parts }: SchemaFacts): boolean {
  return parts.some(({ schema }) => schema['additionalProperties'] !== undefined);
}

function furtherMember(
  { builder, rules, compile }: ObjectParts,
  facts: SchemaFacts,
  names: readonly string[],
): Expression | undefined {
  const value = compile(facts.parts.flatMap(additionalOf));
  if (value === undefined) return undefined;
  const longest = names.find((name) => name.length > otherNameLengthMax);
  if (longest !== undefined) {
    const allowed = `beside names of at most ${otherNameLengthMax} characters`;
    throw unsupported({ pointer: facts.pointer, keyword: 'additionalProperties', allowed });
  }
  const key =
    names.length === 0
      ? rules.string()
      : builder.add('key', sequence(text('"'), rules.otherKey(names)));
  return sequence(key, rules.colon(), value);
}

/**
 * Members in their order, commas between them. Two chains of rules, one for "nothing written so far" and one for
 * "something is", keep this linear in the number of properties.
 */
function membersContent(
  { builder, rules }: ObjectParts,
  members: readonly Member[],
  further: Expression | undefined,
): Content {
  let after: Expression = nothing;
  let first: Expression | undefined;
  let canBeEmpty = true;
  if (further !== undefined) {
    after = builder.repeat(sequence(rules.comma(), further), { min: 0 });
    first = sequence(further, after);
  }
  for (const { expression, isRequired } of members.toReversed()) {
    const start = sequence(expression, after);
    first = isRequired || first === undefined ? start : choice(start, first);
    canBeEmpty &&= !isRequired;
    const next = sequence(rules.comma(), expression, after);
    after = builder.add('members', isRequired ? next : choice(next, after));
  }
  return { canBeEmpty, some: first };
}
