import { choice, type Expression, sequence, set, text } from './expression.ts';

/** Whole numbers from `least` to `most` without leading zeros; both from 0. */
export function digitsBetween(least: bigint, most: bigint): Expression {
  const options: Expression[] = [];
  for (let length = String(least).length; length <= String(most).length; length++) {
    const first = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const last = 10n ** BigInt(length) - 1n;
    options.push(sameLengthBetween(String(maxBig(least, first)), String(minBig(most, last))));
  }
  return choice(...options);
}

export function minBig(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

function maxBig(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

/** Digit strings of one length, in order of their value. */
function sameLengthBetween(from: string, to: string): Expression {
  if (from === to) return text(from);
  const rest = from.length - 1;
  const [first, last] = [Number(from[0]), Number(to[0])];
  if (rest === 0) return digitBetween(first, last);
  if (first === last) {
    return sequence(text(String(first)), sameLengthBetween(from.slice(1), to.slice(1)));
  }
  const options: Expression[] = [];
  const isFromRound = /^0*$/.test(from.slice(1));
  const isToRound = /^9*$/.test(to.slice(1));
  if (!isFromRound) {
    options.push(sequence(text(String(first)), sameLengthBetween(from.slice(1), '9'.repeat(rest))));
  }
  const [low, high] = [isFromRound ? first : first + 1, isToRound ? last : last - 1];
  if (low <= high) options.push(sequence(digitBetween(low, high), anyDigits(rest, rest)));
  if (!isToRound) {
    options.push(sequence(text(String(last)), sameLengthBetween('0'.repeat(rest), to.slice(1))));
  }
  return choice(...options);
}

/** One digit. */
export function digitBetween(low: number, high: number): Expression {
  return low === high ? text(String(low)) : set([0x30 + low, 0x30 + high]);
}

/** Digits of any value: so few of them that they are written as a plain repetition. */
export function anyDigits(min: number, max: number): Expression {
  return max === 0 ? text('') : { kind: 'repeat', item: set([0x30, 0x39]), min, max };
}
