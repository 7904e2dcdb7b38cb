import { anyDigits, digitsBetween, minBig } from './digits-expression.ts';
import { choice, type Expression, optional, sequence, text } from './expression.ts';
import { fractionExpression } from './fraction-expression.ts';
import { fractionDigitsMax, integerDigitsMax, type JsonRules } from './json-rules.ts';
import type { NumberBound } from './schema-facts.ts';

const integerMax = 10n ** BigInt(integerDigitsMax) - 1n;
const beyond = integerMax + 1n;

export interface NumberRange {
  readonly lowest: NumberBound | undefined;
  readonly highest: NumberBound | undefined;
}

/** Integers within bounds; none when there is no such integer. */
export function integerExpression(rules: JsonRules, range: NumberRange): Expression | undefined {
  const { lowest, highest } = range;
  if (lowest === undefined && highest === undefined) return rules.integer();
  const least = lowest === undefined ? -integerMax : clamp(firstInteger(lowest));
  const most = highest === undefined ? integerMax : clamp(-firstInteger(negated(highest)));
  const negatives = digitsWithin(most < 0n ? -most : 1n, -least);
  const options = [
    negatives && sequence(text('-'), negatives),
    digitsWithin(least < 0n ? 0n : least, most),
  ];
  return choiceOf(options);
}

/** Numbers within bounds, written without exponent; none when there is no such number. */
export function numberExpression(rules: JsonRules, range: NumberRange): Expression | undefined {
  if (range.lowest === undefined && range.highest === undefined) return rules.number();
  const mirrored = {
    lowest: range.highest && negated(range.highest),
    highest: range.lowest && negated(range.lowest),
  };
  // Minus zero would be one more way to write a number that the other half has.
  const negatives = decimalsFrom({ value: 0, isExclusive: true }, mirrored);
  return choiceOf([
    negatives && sequence(text('-'), negatives),
    decimalsFrom({ value: 0, isExclusive: false }, range),
  ]);
}

function choiceOf(options: readonly (Expression | undefined)[]): Expression | undefined {
  const possible = options.filter((option) => option !== undefined);
  return possible.length === 0 ? undefined : choice(...possible);
}

function negated(bound: NumberBound): NumberBound {
  return { value: -bound.value, isExclusive: bound.isExclusive };
}

function firstInteger({ value, isExclusive }: NumberBound): bigint {
  const rounded = BigInt(Math.ceil(value));
  return isExclusive && Number.isInteger(value) ? rounded + 1n : rounded;
}

/** A bound past the digits that are written is as good as the first number past them. */
function clamp(value: bigint): bigint {
  if (value > beyond) return beyond;
  return value < -beyond ? -beyond : value;
}

function digitsWithin(least: bigint, most: bigint): Expression | undefined {
  const last = minBig(most, integerMax);
  return least <= last ? digitsBetween(least, last) : undefined;
}

interface Decimal {
  readonly whole: bigint;
  readonly digits: string;
  readonly isExclusive: boolean;
}

/** Decimals from `floor` up, which is 0, within a range. */
function decimalsFrom(floor: NumberBound, range: NumberRange): Expression | undefined {
  const isRaised =
    range.lowest !== undefined &&
    (range.lowest.value > 0 || (range.lowest.value === 0 && range.lowest.isExclusive));
  const low = decimalOf(isRaised && range.lowest !== undefined ? range.lowest : floor, 'low');
  if (range.highest !== undefined && range.highest.value < 0) return undefined;
  const high = range.highest && decimalOf(range.highest, 'high');
  return decimalsBetween(low, high === undefined || high.whole === beyond ? undefined : high);
}

function decimalsBetween(low: Decimal, high: Decimal | undefined): Expression | undefined {
  if (low.whole > integerMax || (high !== undefined && low.whole > high.whole)) return undefined;
  const fractionMax = Math.max(
    low.digits.length,
    high?.digits.length ?? 0,
    safeDigits((high ?? low).whole),
  );
  const joined = (whole: bigint, fraction: Expression | undefined): Expression | undefined =>
    fraction && sequence(text(String(whole)), fraction);
  if (low.whole === high?.whole) {
    return joined(low.whole, fractionExpression({ low, high }, fractionMax));
  }
  const between = digitsWithin(low.whole + 1n, high === undefined ? integerMax : high.whole - 1n);
  const any = optional(sequence(text('.'), anyDigits(1, fractionMax)));
  return choiceOf([
    joined(low.whole, fractionExpression({ low, high: undefined }, fractionMax)),
    between && sequence(between, any),
    high && joined(high.whole, fractionExpression({ low: undefined, high }, fractionMax)),
  ]);
}

/** So many digits that rounding to a double does not carry a number across its bound. */
function safeDigits(whole: bigint): number {
  const significantMax = 15;
  return Math.min(fractionDigitsMax, Math.max(1, significantMax - String(whole).length));
}

/** Bounds have no more digits behind the point than this, so that grammars stay small. */
const boundDigitsMax = 30;

/**
 * The shortest digits that read back as the bound. Of very small numbers the last digits are cut off, and what is
 * allowed with them: the cut lies below the bound, so a lower bound must be passed and an upper one may be met.
 */
function decimalOf({ value, isExclusive }: NumberBound, side: 'low' | 'high'): Decimal {
  const [mantissa = '0', exponentText = '0'] = String(value).split('e');
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const digits = whole + fraction;
  const point = whole.length + Number(exponentText);
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0');
  const at = Math.max(1, point);
  const behind = padded.slice(at).replace(/0+$/, '');
  return {
    whole: clamp(BigInt(padded.slice(0, at))),
    digits: behind.slice(0, boundDigitsMax).replace(/0+$/, ''),
    isExclusive: behind.length > boundDigitsMax ? side === 'low' : isExclusive,
  };
}
