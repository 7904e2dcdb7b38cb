import { allCodes, joinRanges, withoutRanges } from './code-ranges.ts';
import type { CodeRange } from './expression.ts';

/** A regular expression, as far as grammars can follow it. */
export type Pattern =
  | { readonly kind: 'characters'; readonly ranges: readonly CodeRange[] }
  | { readonly kind: 'all'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'one-of'; readonly parts: readonly Pattern[] }
  | {
      readonly kind: 'repeated';
      readonly part: Pattern;
      readonly min: number;
      readonly max: number | undefined;
    };

/** What a pattern is, or what in it no grammar can follow. */
export type ParsedPattern =
  | { readonly kind: 'parsed'; readonly pattern: Pattern }
  | { readonly kind: 'refused'; readonly reason: string };

/** Reads a regular expression of ECMA-262. Where it has no anchor, any text may stand before or after. */
export function parsePattern(source: string): ParsedPattern {
  if (source.length > sourceLengthMax) {
    return { kind: 'refused', reason: `at most ${sourceLengthMax} characters` };
  }
  try {
    // The engine's own parser decides what is a regular expression at all.
    RegExp(source, 'u');
    return { kind: 'parsed', pattern: new PatternParser(source).parse() };
  } catch (error) {
    if (error instanceof PatternRefusal || error instanceof SyntaxError) {
      return { kind: 'refused', reason: error.message };
    }
    throw error;
  }
}

/** The least and the greatest number of characters that a pattern matches. */
export function lengthsOf(pattern: Pattern): { readonly min: number; readonly max: number } {
  switch (pattern.kind) {
    case 'characters':
      return { min: 1, max: 1 };
    case 'all': {
      const lengths = pattern.parts.map(lengthsOf);
      return {
        min: lengths.reduce((sum, { min }) => sum + min, 0),
        max: lengths.reduce((sum, { max }) => sum + max, 0),
      };
    }
    case 'one-of': {
      const lengths = pattern.parts.map(lengthsOf);
      return {
        min: Math.min(...lengths.map(({ min }) => min)),
        max: Math.max(...lengths.map(({ max }) => max)),
      };
    }
    case 'repeated': {
      const { min, max } = lengthsOf(pattern.part);
      const times = pattern.max ?? Number.POSITIVE_INFINITY;
      return { min: min * pattern.min, max: max === 0 || times === 0 ? 0 : max * times };
    }
  }
}

class PatternRefusal extends Error {
  override readonly name = 'PatternRefusal';
}

const anything: Pattern = {
  kind: 'repeated',
  part: { kind: 'characters', ranges: allCodes },
  min: 0,
  max: undefined,
};
const lineEnds: readonly CodeRange[] = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const digits: readonly CodeRange[] = [[0x30, 0x39]];
const wordCharacters: readonly CodeRange[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const blanks: readonly CodeRange[] = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const classEscapes: Readonly<Record<string, readonly CodeRange[]>> = {
  d: digits,
  D: withoutRanges(allCodes, digits),
  w: wordCharacters,
  W: withoutRanges(allCodes, wordCharacters),
  s: blanks,
  S: withoutRanges(allCodes, blanks),
};
const controlEscapes: Readonly<Record<string, number>> = {
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
  0: 0,
};
const sourceLengthMax = 1024;
const repeatsMax = 10_000;
const depthMax = 50;

/** Reads what `RegExp` with the flag u has already accepted. */
class PatternParser {
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#characters = [...source];
  }

  parse(): Pattern {
    const options: Pattern[] = [];
    do {
      const isStart = this.#take('^');
      const parts = this.#parts();
      const isEnd = this.#take('$');
      if (this.#peek() !== undefined && this.#peek() !== '|') throw this.#misplaced();
      options.push(all([...(isStart ? [] : [anything]), ...parts, ...(isEnd ? [] : [anything])]));
    } while (this.#take('|'));
    return oneOf(options);
  }

  #parts(): Pattern[] {
    const parts: Pattern[] = [];
    for (
      let next = this.#peek();
      next !== undefined && !'|)$'.includes(next);
      next = this.#peek()
    ) {
      parts.push(this.#repeated(this.#atom()));
    }
    return parts;
  }

  #atom(): Pattern {
    const character = this.#next();
    switch (character) {
      case '^':
        throw new PatternRefusal(
          '"^" is understood at the start of the pattern or of one of its alternatives only',
        );
      case '.':
        return characters(withoutRanges(allCodes, lineEnds));
      case '(':
        return this.#group();
      case '[':
        return this.#class();
      case '\\':
        return characters(this.#escape());
      default:
        return characters(single(character));
    }
  }

  #group(): Pattern {
    if (this.#take('?') && !this.#take(':')) {
      if (this.#peek() !== '<' || '=!'.includes(this.#characters[this.#at + 1] ?? '=')) {
        throw new PatternRefusal('look-around and flags within groups are not understood');
      }
      while (this.#next() !== '>') continue;
    }
    if (++this.#depth > depthMax) throw new PatternRefusal(`groups nest deeper than ${depthMax}`);
    const options: Pattern[] = [];
    do options.push(all(this.#parts()));
    while (this.#take('|'));
    this.#depth--;
    if (!this.#take(')')) throw this.#misplaced();
    return oneOf(options);
  }

  #class(): Pattern {
    const isNegated = this.#take('^');
    const ranges: CodeRange[] = [];
    while (!this.#take(']')) {
      const from = this.#classMember();
      const [low] = from[0] ?? [0];
      if (this.#peek() === '-' && this.#characters[this.#at + 1] !== ']' && from.length === 1) {
        this.#next();
        const [[, high] = [0, low]] = this.#classMember();
        ranges.push([low, high]);
      } else {
        ranges.push(...from);
      }
    }
    return characters(isNegated ? withoutRanges(allCodes, ranges) : joinRanges(ranges));
  }

  #classMember(): readonly CodeRange[] {
    const character = this.#next();
    if (character !== '\\') return single(character);
    return this.#take('b') ? [[0x08, 0x08]] : this.#escape();
  }

  #escape(): readonly CodeRange[] {
    const character = this.#next();
    const ranges = Object.hasOwn(classEscapes, character) ? classEscapes[character] : undefined;
    if (ranges !== undefined) return ranges;
    const control = Object.hasOwn(controlEscapes, character)
      ? controlEscapes[character]
      : undefined;
    if (control !== undefined) return [[control, control]];
    if (character === 'x') return this.#code(this.#nextMany(2));
    if (character === 'u')
      return this.#code(this.#take('{') ? this.#until('}') : this.#nextMany(4));
    if (/[A-Za-z0-9]/.test(character))
      throw new PatternRefusal(`"\\${character}" is not understood`);
    return single(character);
  }

  #code(hex: string): readonly CodeRange[] {
    const code = Number.parseInt(hex, 16);
    if (code >= 0xd800 && code <= 0xdfff) throw new PatternRefusal('surrogates are not understood');
    return [[code, code]];
  }

  #repeated(part: Pattern): Pattern {
    const counts = this.#counts();
    if (counts === undefined) return part;
    // Whether a repetition is greedy changes nothing about what matches.
    this.#take('?');
    if (Math.max(counts.min, counts.max ?? 0) > repeatsMax) {
      throw new PatternRefusal(`repetitions of more than ${repeatsMax} are not understood`);
    }
    return { kind: 'repeated', part, ...counts };
  }

  #counts(): { readonly min: number; readonly max: number | undefined } | undefined {
    if (this.#take('*')) return { min: 0, max: undefined };
    if (this.#take('+')) return { min: 1, max: undefined };
    if (this.#take('?')) return { min: 0, max: 1 };
    if (!this.#take('{')) return undefined;
    const [min = '', max] = this.#until('}').split(',');
    if (max === undefined) return { min: Number(min), max: Number(min) };
    return { min: Number(min), max: max === '' ? undefined : Number(max) };
  }

  #until(end: string): string {
    let taken = '';
    for (let next = this.#next(); next !== end; next = this.#next()) taken += next;
    return taken;
  }

  #nextMany(count: number): string {
    let taken = '';
    while (taken.length < count) taken += this.#next();
    return taken;
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #next(): string {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw new PatternRefusal('it ends too early');
    return character;
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #misplaced(): PatternRefusal {
    return new PatternRefusal(
      `"${this.#peek() ?? ''}" is understood at the end of the pattern or of one of its alternatives only`,
    );
  }
}

function single(character: string): readonly CodeRange[] {
  const code = character.codePointAt(0) ?? 0;
  return [[code, code]];
}

function characters(ranges: readonly CodeRange[]): Pattern {
  return { kind: 'characters', ranges };
}

function all(parts: readonly Pattern[]): Pattern {
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'all', parts };
}

function oneOf(parts: readonly Pattern[]): Pattern {
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'one-of', parts };
}
