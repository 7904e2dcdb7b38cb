import { arrayExpression } from './array-expression.ts';
import { choice, type Expression, rule, text } from './expression.ts';
import { grammarBounds, GrammarBuilder } from './grammar-builder.ts';
import { JsonRules } from './json-rules.ts';
import { integerExpression, numberExpression } from './number-expression.ts';
import { objectExpression } from './object-expression.ts';
import { type Conjunction, SchemaDocument, type SchemaNode } from './schema-document.ts';
import { allowsValue } from './schema-allows.ts';
import { factsOf, type SchemaFacts } from './schema-facts.ts';
import {
  type JsonType,
  type SchemaObject,
  typesOfKeywords,
  unsupported,
} from './schema-keywords.ts';
import { stringExpression } from './string-expression.ts';
import { textChoice } from './text-choice.ts';

/** GBNF whose texts are JSON values valid under the schema. Throws `ENGINE_SCHEMA_UNSUPPORTED`, never ignores a keyword. */
export function grammarOfJsonSchema(schema: unknown): string {
  const builder = new GrammarBuilder();
  const root = builder.reserve('root');
  builder.define(root, schemaExpression(builder, schema));
  return builder.write();
}

/** GBNF whose texts are JSON objects. */
export function grammarOfJsonObject(): string {
  const builder = new GrammarBuilder();
  const root = builder.reserve('root');
  builder.define(root, new JsonRules(builder).object());
  return builder.write();
}

/** The expression of the values valid under a schema, as part of a larger grammar. */
export function schemaExpression(builder: GrammarBuilder, schema: unknown): Expression {
  const expression = compileRoot(builder, new SchemaDocument(schema));
  if (expression !== undefined) return expression;
  throw unsupported({
    pointer: '#',
    keyword: 'schema',
    allowed: 'a schema that some value satisfies, its numbers within 18 digits',
  });
}

function compileRoot(builder: GrammarBuilder, document: SchemaDocument): Expression | undefined {
  try {
    return new SchemaCompiler(builder, document).compile([document.root]);
  } catch (error) {
    // Values of an enumeration may nest as deep as a body is long.
    if (!(error instanceof RangeError)) throw error;
    throw unsupported({ pointer: '#', keyword: 'schema', allowed: 'less nesting' });
  }
}

const nestingMax = 128;

class SchemaCompiler {
  readonly #builder: GrammarBuilder;
  readonly #document: SchemaDocument;
  readonly #rules: JsonRules;
  /** Rules by the schemas that they are made of; recursion ends at a rule that is already named. */
  readonly #names = new Map<string, string>();
  readonly #impossible = new Set<string>();
  readonly #ids = new Map<unknown, number>();
  #depth = 0;

  constructor(builder: GrammarBuilder, document: SchemaDocument) {
    this.#builder = builder;
    this.#document = document;
    this.#rules = new JsonRules(builder);
  }

  compile = (nodes: readonly SchemaNode[]): Expression | undefined => {
    const alternatives = this.#document.alternatives(nodes);
    const key = alternatives.map((parts) => this.#keyOf(parts)).join('|');
    if (this.#impossible.has(key) || alternatives.length === 0) return undefined;
    const known = this.#names.get(key);
    if (known !== undefined) return rule(known);
    const name = this.#builder.reserve('schema');
    this.#names.set(key, name);
    this.#deepen(nodes);
    const options = alternatives.flatMap((parts) => this.#typed(factsOf(parts)));
    this.#depth--;
    if (options.length === 0) this.#impossible.add(key);
    this.#builder.define(name, choice(...options));
    return options.length === 0 ? undefined : rule(name);
  };

  /** Values nest no deeper than functions can call each other. */
  #deepen(nodes: readonly SchemaNode[]): void {
    if (++this.#depth <= nestingMax) return;
    const pointer = nodes[0]?.pointer ?? '#';
    throw unsupported({
      pointer,
      keyword: 'schema',
      allowed: `at most ${nestingMax} levels of nesting`,
    });
  }

  #keyOf(parts: Conjunction): string {
    const ids = parts.map(({ schema }) => {
      const id = this.#ids.get(schema) ?? this.#ids.size;
      this.#ids.set(schema, id);
      return id;
    });
    return ids.toSorted((one, other) => one - other).join('&');
  }

  #typed(facts: SchemaFacts): readonly Expression[] {
    if (facts.values !== undefined) return valueOptions(this.#builder, facts);
    if (facts.parts.every(({ schema }) => isUnbounded(schema))) return [this.#rules.value()];
    const types = facts.types.has('number')
      ? facts.types.difference(new Set(['integer']))
      : facts.types;
    const options: Expression[] = [];
    for (const type of types) {
      const option = this.#ofType(type, facts);
      if (option !== undefined) options.push(option);
    }
    return options;
  }

  #ofType(type: JsonType, facts: SchemaFacts): Expression | undefined {
    const parts = { builder: this.#builder, rules: this.#rules, compile: this.compile };
    switch (type) {
      case 'null':
        return text('null');
      case 'boolean':
        return choice(text('true'), text('false'));
      case 'object':
        return objectExpression(parts, facts);
      case 'array':
        return arrayExpression(parts, facts);
      case 'string':
        return stringExpression(this.#builder, this.#rules, facts);
      case 'number':
        return numberExpression(this.#rules, facts);
      case 'integer':
        return integerExpression(this.#rules, facts);
    }
  }
}

function valueOptions(builder: GrammarBuilder, facts: SchemaFacts): readonly Expression[] {
  const values = facts.values ?? [];
  const characterCount = values.reduce((sum, json) => sum + json.length, 0);
  if (characterCount > grammarBounds.charactersMax) {
    const allowed = `values of at most ${grammarBounds.charactersMax} characters together`;
    throw unsupported({ pointer: facts.pointer, keyword: 'enum', allowed });
  }
  const allowed = values.filter((json) => allowsValue(facts, JSON.parse(json)));
  return allowed.length === 0 ? [] : [textChoice(builder, allowed)];
}

/** True for a schema that every value satisfies. */
function isUnbounded(schema: SchemaObject): boolean {
  return schema['type'] === undefined && typesOfKeywords(schema).size === 0;
}
