import { anyDigits, digitBetween } from './digits-expression.ts';
import { choice, type Expression, optional, sequence, text } from './expression.ts';

/** The digits after the point of a bound, without zeros at the end. */
export interface FractionEnd {
  readonly digits: string;
  readonly isExclusive: boolean;
}

/** An absent end is no bound. */
export interface FractionRange {
  readonly low: FractionEnd | undefined;
  readonly high: FractionEnd | undefined;
}

/** The point and what follows it, at most `lengthMax` digits, where the whole number before it is that of the ends. */
export function fractionExpression(
  range: FractionRange,
  lengthMax: number,
): Expression | undefined {
  const digits = someDigits(range, lengthMax);
  const withPoint = digits && sequence(text('.'), digits);
  return isWithin(range) ? orNothing(withPoint) : withPoint;
}

/** One digit or more. */
function someDigits(range: FractionRange, lengthMax: number): Expression | undefined {
  if (lengthMax === 0) return undefined;
  // From a low end that is reached every further digit leads up: it bounds no more.
  const low = isReached(range.low) ? undefined : range.low;
  const { high } = range;
  if (low === undefined && high === undefined) return anyDigits(1, lengthMax);
  const first = low === undefined ? 0 : firstDigit(low);
  const last = high === undefined ? 9 : firstDigit(high);
  const options = edgeDigits(low, high)
    .map((digit) => {
      const ends = {
        low: digit === first ? tailOf(low) : undefined,
        high: digit === last ? tailOf(high) : undefined,
      };
      const more = someDigits(ends, lengthMax - 1);
      const rest = isWithin(ends) ? orNothing(more) : more;
      return rest && sequence(text(String(digit)), rest);
    })
    .filter((option) => option !== undefined);
  const [from, to] = [low === undefined ? first : first + 1, high === undefined ? last : last - 1];
  if (from <= to) options.push(sequence(digitBetween(from, to), anyDigits(0, lengthMax - 1)));
  return options.length === 0 ? undefined : choice(...options);
}

/** The digits after which an end still bounds what follows. */
function edgeDigits(
  low: FractionEnd | undefined,
  high: FractionEnd | undefined,
): readonly number[] {
  if (low !== undefined && high !== undefined && firstDigit(low) > firstDigit(high)) return [];
  return [...new Set([low, high].filter((end) => end !== undefined).map(firstDigit))];
}

/** True when the number is in range with nothing more written. */
function isWithin({ low, high }: FractionRange): boolean {
  return (
    (low === undefined || isReached(low)) &&
    (high === undefined || high.digits !== '' || !high.isExclusive)
  );
}

function isReached(low: FractionEnd | undefined): boolean {
  return low !== undefined && low.digits === '' && !low.isExclusive;
}

function orNothing(expression: Expression | undefined): Expression {
  return expression === undefined ? text('') : optional(expression);
}

function firstDigit(end: FractionEnd): number {
  return Number(end.digits[0] ?? '0');
}

function tailOf(end: FractionEnd | undefined): FractionEnd | undefined {
  return end && { ...end, digits: end.digits.slice(1) };
}
