import type { CodeRange } from './expression.ts';

/** Every code point that UTF-8 can hold: surrogates are none. */
export const allCodes: readonly CodeRange[] = [
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** Sorts ranges and joins those that touch. */
export function joinRanges(ranges: readonly CodeRange[]): readonly CodeRange[] {
  const joined: [number, number][] = [];
  for (const [from, to] of ranges.toSorted((one, other) => one[0] - other[0])) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

/** What is in `ranges` and not in `excluded`. */
export function withoutRanges(
  ranges: readonly CodeRange[],
  excluded: readonly CodeRange[],
): readonly CodeRange[] {
  let rest = [...joinRanges(ranges)];
  for (const [low, high] of excluded) {
    rest = rest.flatMap(([from, to]): CodeRange[] => {
      if (high < from || low > to) return [[from, to]];
      const parts: CodeRange[] = [];
      if (from < low) parts.push([from, low - 1]);
      if (high < to) parts.push([high + 1, to]);
      return parts;
    });
  }
  return rest;
}

/** What is in both. */
export function commonRanges(
  ranges: readonly CodeRange[],
  others: readonly CodeRange[],
): readonly CodeRange[] {
  const common: CodeRange[] = [];
  for (const [from, to] of ranges) {
    for (const [low, high] of others) {
      if (low <= to && from <= high) common.push([Math.max(from, low), Math.min(to, high)]);
    }
  }
  return joinRanges(common);
}
