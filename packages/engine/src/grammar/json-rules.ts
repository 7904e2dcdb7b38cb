import {
  type CodeRange,
  choice,
  type Expression,
  anyOf,
  nothing,
  optional,
  rule,
  sequence,
  set,
  text,
} from './expression.ts';
import { withoutRanges } from './code-ranges.ts';
import type { GrammarBuilder } from './grammar-builder.ts';

/** What may stand in a JSON string as it is: all but quotes, backslashes and control characters. */
export const plainCodes: readonly CodeRange[] = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** A newline takes at most so many spaces of indent: a model must not write blanks without end. */
const indentMax = 16;
/** Digits of a number before and after its point; with the exponent's two it stays finite. */
export const integerDigitsMax = 18;
export const fractionDigitsMax = 16;

/** The parts that every grammar of JSON is made of, each made when it is first asked for. */
export class JsonRules {
  readonly #builder: GrammarBuilder;
  #value: Expression | undefined;
  #object: Expression | undefined;

  constructor(builder: GrammarBuilder) {
    this.#builder = builder;
  }

  /** Nothing, one space, or a new line with its indent. */
  gap(): Expression {
    const indent = this.#builder.repeat(text(' '), { min: 0, max: indentMax });
    return this.#builder.add('gap', choice(nothing, text(' '), sequence(text('\n'), indent)));
  }

  /** One character of a string: one code point, written plainly or escaped. No surrogates. */
  character(): Expression {
    const hex = set([0x30, 0x39], [0x41, 0x46], [0x61, 0x66]);
    const notSurrogate = choice(
      sequence(
        set([0x30, 0x39], [0x41, 0x43], [0x45, 0x46], [0x61, 0x63], [0x65, 0x66]),
        hex,
        hex,
        hex,
      ),
      sequence(anyOf('Dd'), set([0x30, 0x37]), hex, hex),
    );
    const escape = sequence(
      text('\\'),
      choice(anyOf('"\\/bfnrt'), sequence(text('u'), notSurrogate)),
    );
    return this.#builder.add('character', choice(set(...plainCodes), escape));
  }

  string(): Expression {
    const characters = this.#builder.repeat(this.character(), { min: 0 });
    return this.#builder.add('string', sequence(text('"'), characters, text('"')));
  }

  integer(): Expression {
    return this.#builder.add('integer', sequence(optional(text('-')), this.wholeNumber()));
  }

  number(): Expression {
    const fraction = sequence(text('.'), this.digits(1, fractionDigitsMax));
    const exponent = sequence(anyOf('eE'), optional(anyOf('+-')), this.digits(1, 2));
    return this.#builder.add(
      'number',
      sequence(optional(text('-')), this.wholeNumber(), optional(fraction), optional(exponent)),
    );
  }

  wholeNumber(): Expression {
    const more = this.digits(0, integerDigitsMax - 1);
    return this.#builder.add('whole', choice(text('0'), sequence(set([0x31, 0x39]), more)));
  }

  digits(min: number, max: number): Expression {
    return this.#builder.repeat(set([0x30, 0x39]), { min, max });
  }

  /** Any JSON value. */
  value(): Expression {
    if (this.#value !== undefined) return this.#value;
    const name = this.#builder.reserve('value');
    this.#value = rule(name);
    const body = choice(
      this.object(),
      this.list(this.#value, { min: 0 }),
      this.string(),
      this.number(),
      text('true'),
      text('false'),
      text('null'),
    );
    this.#builder.define(name, body);
    return this.#value;
  }

  /** Any JSON object. */
  object(): Expression {
    if (this.#object !== undefined) return this.#object;
    const name = this.#builder.reserve('object');
    this.#object = rule(name);
    const member = sequence(this.string(), this.colon(), this.value());
    this.#builder.define(name, this.enclose('{', this.separated(member, { min: 0 }), '}'));
    return this.#object;
  }

  list(
    item: Expression,
    counts: { readonly min: number; readonly max?: number | undefined },
  ): Expression {
    return this.#builder.add('list', this.enclose('[', this.separated(item, counts), ']'));
  }

  colon(): Expression {
    return sequence(text(':'), optional(text(' ')));
  }

  comma(): Expression {
    return sequence(text(','), this.gap());
  }

  /** Items with commas between them; `undefined` stands for no items at all, which `enclose` makes room for. */
  separated(
    item: Expression,
    counts: { readonly min: number; readonly max?: number | undefined },
  ): Content {
    if (counts.max === 0) return { canBeEmpty: true, some: undefined };
    const more = this.#builder.add('more', sequence(this.comma(), item));
    const max = counts.max === undefined ? undefined : counts.max - 1;
    const rest = this.#builder.repeat(more, { min: Math.max(0, counts.min - 1), max });
    return { canBeEmpty: counts.min === 0, some: sequence(item, rest) };
  }

  /** Brackets around content, with room for line breaks. */
  enclose(open: string, content: Content, close: string): Expression {
    if (content.some === undefined) return sequence(text(open), this.gap(), text(close));
    const inner = sequence(content.some, this.gap());
    return sequence(
      text(open),
      this.gap(),
      content.canBeEmpty ? optional(inner) : inner,
      text(close),
    );
  }

  /** The rest of a key and its closing quote, for keys that are none of `names`. */
  otherKey(names: readonly string[]): Expression {
    const writable = names.filter((name) => JSON.stringify(name) === `"${name}"`);
    return this.#otherKeyFrom(writable.map((name) => [...name]));
  }

  #otherKeyFrom(endings: readonly (readonly string[])[]): Expression {
    if (endings.length === 0)
      return sequence(this.#builder.repeat(set(...plainCodes), { min: 0 }), text('"'));
    const options: Expression[] = [];
    const byFirst = Map.groupBy(
      endings.filter((ending) => ending.length > 0),
      (ending) => ending[0] ?? '',
    );
    const taken: CodeRange[] = [];
    for (const [first, group] of byFirst) {
      const code = first.codePointAt(0) ?? 0;
      taken.push([code, code]);
      const rest = this.#otherKeyFrom(group.map((ending) => ending.slice(1)));
      options.push(sequence(text(first), this.#builder.add('key', rest)));
    }
    if (endings.every((ending) => ending.length > 0)) options.push(text('"'));
    options.push(sequence(set(...withoutRanges(plainCodes, taken)), this.#otherKeyFrom([])));
    return choice(...options);
  }
}

/** What stands between brackets. */
export interface Content {
  readonly canBeEmpty: boolean;
  readonly some: Expression | undefined;
}
