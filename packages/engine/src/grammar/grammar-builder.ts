import { assertDefined } from '@millrace/stdx';
import { EngineError } from '../errors.ts';
import { choice, type Expression, gbnfOf, nothing, rule, sequence } from './expression.ts';

/** Bounds on a grammar: what libllama parses in a few milliseconds. */
export const grammarBounds = {
  rulesMax: 4096,
  charactersMax: 262_144,
  repeatsMax: 1_000_000,
} as const;

/** Up to here a repetition is written as it is; a longer one is made of blocks. */
const plainRepeatsMax = 48;

/** Collects the rules of a grammar and writes them as GBNF. */
export class GrammarBuilder {
  readonly #rules = new Map<string, WrittenRule | undefined>();
  readonly #namesByBody = new Map<string, string>();
  #nameCount = 0;
  #characterCount = 0;

  /** The rule of that body, made when there is none yet. */
  add(hint: string, body: Expression): Expression {
    if (body.kind === 'rule') return body;
    const written = gbnfOf(body);
    const known = this.#namesByBody.get(written);
    if (known !== undefined) return rule(known);
    const name = this.reserve(hint);
    this.#namesByBody.set(written, name);
    this.#define(name, body, written);
    return rule(name);
  }

  /** A name whose body comes later, so that the body may refer to itself. */
  reserve(hint: string): string {
    const name = hint === 'root' ? hint : `${hint}-${++this.#nameCount}`;
    this.#rules.set(name, undefined);
    if (this.#rules.size > grammarBounds.rulesMax)
      throw tooLarge(`${grammarBounds.rulesMax} rules`);
    return name;
  }

  define(name: string, body: Expression): void {
    this.#define(name, body, gbnfOf(body));
  }

  /**
   * An item `min` to `max` times. libllama makes one rule for each repetition and refuses more than 2,000
   * (MAX_REPETITION_THRESHOLD); blocks of about the square root keep both numbers small.
   */
  repeat(
    item: Expression,
    counts: { readonly min: number; readonly max?: number | undefined },
  ): Expression {
    const { min, max } = counts;
    const isCompound = item.kind === 'sequence' || item.kind === 'choice' || item.kind === 'repeat';
    const atom = isCompound ? this.add('part', item) : item;
    if (max === undefined) return sequence(this.#exactly(atom, min), repeated(atom, 0, undefined));
    if (max <= plainRepeatsMax) return repeated(atom, min, max);
    return sequence(this.#exactly(atom, min), this.#atMost(atom, max - min));
  }

  /** The grammar's text. Throws when a rule can never come to an end. */
  write(): string {
    const reachable = this.#reachable();
    this.#checkProductive(reachable);
    const lines: string[] = [];
    for (const [name, one] of this.#rules) {
      if (!reachable.has(name)) continue;
      lines.push(`${name} ::= ${assertDefined(one, `rule ${name} is defined`).written}\n`);
    }
    return lines.join('');
  }

  #define(name: string, body: Expression, written: string): void {
    this.#rules.set(name, { body, written });
    this.#characterCount += written.length + name.length;
    if (this.#characterCount > grammarBounds.charactersMax) {
      throw tooLarge(`${grammarBounds.charactersMax} characters`);
    }
  }

  #exactly(atom: Expression, count: number): Expression {
    if (count <= plainRepeatsMax) return repeated(atom, count, count);
    const blockLength = Math.ceil(Math.sqrt(count));
    const block = this.add('block', repeated(atom, blockLength, blockLength));
    const blockCount = Math.floor(count / blockLength);
    const rest = count - blockCount * blockLength;
    return sequence(repeated(block, blockCount, blockCount), repeated(atom, rest, rest));
  }

  #atMost(atom: Expression, count: number): Expression {
    if (count <= plainRepeatsMax) return repeated(atom, 0, count);
    const blockLength = Math.ceil(Math.sqrt(count));
    const block = this.add('block', repeated(atom, blockLength, blockLength));
    const blockCount = Math.floor(count / blockLength);
    return this.add(
      'blocks',
      choice(
        sequence(repeated(block, 0, blockCount - 1), repeated(atom, 0, blockLength - 1)),
        sequence(repeated(block, blockCount, blockCount), repeated(atom, 0, count % blockLength)),
      ),
    );
  }

  #reachable(): ReadonlySet<string> {
    const names = new Set(['root']);
    // A set that grows while it is walked is walked to its end.
    for (const name of names) addRulesOf(this.#rules.get(name)?.body ?? nothing, names);
    return names;
  }

  #checkProductive(reachable: ReadonlySet<string>): void {
    const productive = new Set<string>();
    for (let isGrowing = true; isGrowing;) {
      isGrowing = false;
      for (const [name, one] of this.#rules) {
        if (productive.has(name) || one === undefined || !canEnd(one.body, productive)) continue;
        productive.add(name);
        isGrowing = true;
      }
    }
    for (const name of reachable) {
      if (productive.has(name)) continue;
      throw new EngineError(
        'build a grammar of the JSON schema: it asks for a value that contains itself without end; ' +
          'let the recursive part be optional',
        { code: 'ENGINE_SCHEMA_UNSUPPORTED' },
      );
    }
  }
}

interface WrittenRule {
  readonly body: Expression;
  readonly written: string;
}

function repeated(item: Expression, min: number, max: number | undefined): Expression {
  if (max === 0) return nothing;
  if (min === 1 && max === 1) return item;
  return { kind: 'repeat', item, min, max };
}

function addRulesOf(body: Expression, names: Set<string>): void {
  if (body.kind === 'rule') names.add(body.name);
  if (body.kind === 'sequence') for (const item of body.items) addRulesOf(item, names);
  if (body.kind === 'choice') for (const option of body.options) addRulesOf(option, names);
  if (body.kind === 'repeat') addRulesOf(body.item, names);
}

function canEnd(body: Expression, productive: ReadonlySet<string>): boolean {
  switch (body.kind) {
    case 'text':
    case 'set':
      return true;
    case 'rule':
      return productive.has(body.name);
    case 'sequence':
      return body.items.every((item) => canEnd(item, productive));
    case 'choice':
      return body.options.some((option) => canEnd(option, productive));
    case 'repeat':
      return body.min === 0 || canEnd(body.item, productive);
  }
}

function tooLarge(limit: string): EngineError {
  return new EngineError(
    `build a grammar: it would have more than ${limit}, the limit; simplify the schema`,
    {
      code: 'ENGINE_SCHEMA_UNSUPPORTED',
    },
  );
}
