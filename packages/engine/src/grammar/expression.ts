/** Inclusive range of code points. */
export type CodeRange = readonly [from: number, to: number];

/** What may stand at one place of a text. */
export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'set'; readonly ranges: readonly CodeRange[] }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'sequence'; readonly items: readonly Expression[] }
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  | RepeatExpression;

/** Without `max` it may go on for ever. */
export interface RepeatExpression {
  readonly kind: 'repeat';
  readonly item: Expression;
  readonly min: number;
  readonly max: number | undefined;
}

export const nothing: Expression = { kind: 'sequence', items: [] };

export function text(value: string): Expression {
  return value === '' ? nothing : { kind: 'text', text: value };
}

export function set(...ranges: CodeRange[]): Expression {
  return { kind: 'set', ranges };
}

/** The characters of a string, each of which may stand. */
export function anyOf(characters: string): Expression {
  return set(...[...characters].map((one): CodeRange => [codeOf(one), codeOf(one)]));
}

export function rule(name: string): Expression {
  return { kind: 'rule', name };
}

export function sequence(...parts: Expression[]): Expression {
  const items: Expression[] = [];
  for (const part of parts.flatMap((one) => (one.kind === 'sequence' ? one.items : [one]))) {
    const last = items.at(-1);
    if (part.kind === 'text' && last?.kind === 'text')
      items[items.length - 1] = text(last.text + part.text);
    else items.push(part);
  }
  return items.length === 1 && items[0] !== undefined ? items[0] : { kind: 'sequence', items };
}

export function choice(...options: Expression[]): Expression {
  const flat = options.flatMap((one) => (one.kind === 'choice' ? one.options : [one]));
  return flat.length === 1 && flat[0] !== undefined ? flat[0] : { kind: 'choice', options: flat };
}

export function optional(item: Expression): Expression {
  return choice(item, nothing);
}

/** An expression as llama.cpp's grammar parser reads it (llama-grammar.cpp, parse_alternates). */
export function gbnfOf(expression: Expression): string {
  switch (expression.kind) {
    case 'text':
      return `"${[...expression.text].map((one) => escapeCode(codeOf(one), false)).join('')}"`;
    case 'set':
      return `[${expression.ranges.map(gbnfOfRange).join('')}]`;
    case 'rule':
      return expression.name;
    case 'sequence':
      return expression.items.length === 0 ? '""' : expression.items.map(gbnfOfItem).join(' ');
    case 'choice':
      return expression.options.map(gbnfOf).join(' | ');
    case 'repeat':
      return gbnfOfItem(expression.item) + gbnfOfCount(expression);
  }
}

function gbnfOfItem(item: Expression): string {
  return item.kind === 'choice' || item.kind === 'sequence' ? `(${gbnfOf(item)})` : gbnfOf(item);
}

function gbnfOfCount({ min, max }: RepeatExpression): string {
  if (max === undefined) return min === 0 ? '*' : `{${min},}`;
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

function gbnfOfRange([from, to]: CodeRange): string {
  return from === to ? escapeCode(from, true) : `${escapeCode(from, true)}-${escapeCode(to, true)}`;
}

function escapeCode(code: number, isInSet: boolean): string {
  const character = String.fromCodePoint(code);
  if (isInSet ? /[A-Za-z0-9 ]/.test(character) : /[ !#-[\]-~]/.test(character)) return character;
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, length: number): string {
  return code.toString(16).toUpperCase().padStart(length, '0');
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
