import { allCodes, withoutRanges } from '../grammar/code-ranges.ts';
import {
  anyOf,
  choice,
  type CodeRange,
  type Expression,
  nothing,
  rule,
  sequence,
  set,
  text,
} from '../grammar/expression.ts';
import type { GrammarBuilder } from '../grammar/grammar-builder.ts';

/** What a text is to keep clear of. */
export interface TextBounds {
  readonly marker: string;
  /** What must stand behind the marker. */
  readonly after: Expression;
  /** Characters that the text, blanks aside, does not begin with. */
  readonly notFirst: string;
}

/**
 * Text that ends before a marker, or goes on behind it with `after`. A rule for each length of the marker that has been
 * written so far (Knuth, Morris and Pratt): no text can hold the marker and escape what must follow it.
 */
export function textBefore(builder: GrammarBuilder, bounds: TextBounds): Expression {
  const { marker, after, notFirst } = bounds;
  const names = Array.from(marker, () => builder.reserve('text'));
  const start = rule(names[0] ?? '');
  const characters = [...new Set(marker)];
  const others = sequence(set(...withoutRanges(allCodes, codesOf(marker))), start);
  const options = (written: number): readonly Expression[] =>
    characters.map((character) => {
      const length = lengthAfter(marker, marker.slice(0, written) + character);
      return sequence(
        text(character),
        length === marker.length ? after : rule(names[length] ?? ''),
      );
    });
  for (const [written, name] of names.entries()) {
    builder.define(name, choice(nothing, ...options(written), others));
  }
  if (notFirst === '') return start;
  const lead = builder.reserve('lead');
  const blanks = ' \n\r\t';
  const otherFirst = withoutRanges(allCodes, codesOf(marker + notFirst + blanks));
  const more = sequence(anyOf(blanks), rule(lead));
  const first = options(0).filter((_, index) => !notFirst.includes(characters[index] ?? ''));
  const marked = notFirst.includes(marker.charAt(0)) ? [sequence(text(marker), after)] : [];
  const other = sequence(set(...otherFirst), start);
  builder.define(lead, choice(nothing, more, ...marked, ...first, other));
  return rule(lead);
}

function codesOf(characters: string): readonly CodeRange[] {
  return Array.from(characters, (one) => [one.charCodeAt(0), one.charCodeAt(0)]);
}

/** How much of the marker the end of a text is. */
function lengthAfter(marker: string, written: string): number {
  for (let length = Math.min(marker.length, written.length); length > 0; length--) {
    if (written.endsWith(marker.slice(0, length))) return length;
  }
  return 0;
}
