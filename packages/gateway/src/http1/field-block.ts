import { HeaderBlock } from '../messages/header-block.ts';
import { equalsText } from './bytes.ts';
import { type FieldParser, numbersPerField } from './field-parser.ts';
import type { Framing } from './framing.ts';

/**
 * The fields that travel on, as bytes of their own: without those that frame the message or belong to its connection,
 * nor those that `connection` names. Each is written as `name: value` and an end of line, whatever space stood there.
 */
export function fieldBlock(
  { fields, framing }: { readonly fields: FieldParser; readonly framing: Framing },
  source: Buffer,
  base: number,
): HeaderBlock {
  const { numbers, count } = fields;
  const named = framing.namesFields ? namesIn(fields, source, base) : undefined;
  const bytes = Buffer.allocUnsafe(fields.at + count);
  const ranges: number[] = [];
  let to = 0;
  for (let at = 0; at < count * numbersPerField; at += numbersPerField) {
    if (numbers[at + 4] !== 0) continue;
    const start = numbers[at] as number;
    const nameEnd = numbers[at + 1] as number;
    if (named !== undefined && isNamed(named, source, [base + start, base + nameEnd])) continue;
    const valueStart = numbers[at + 2] as number;
    const valueEnd = numbers[at + 3] as number;
    const toValue = to + nameEnd - start + 2;
    const toEnd = toValue + valueEnd - valueStart;
    ranges.push(to, toValue - 2, toValue, toEnd);
    if (valueStart === nameEnd + 2 && source[base + nameEnd + 1] === 0x20) {
      source.copy(bytes, to, base + start, base + valueEnd);
    } else {
      source.copy(bytes, to, base + start, base + nameEnd);
      bytes[toValue - 2] = 0x3a;
      bytes[toValue - 1] = 0x20;
      source.copy(bytes, toValue, base + valueStart, base + valueEnd);
    }
    bytes[toEnd] = 0x0d;
    bytes[toEnd + 1] = 0x0a;
    to = toEnd + 2;
  }
  return new HeaderBlock(bytes.subarray(0, to), ranges);
}

function namesIn(fields: FieldParser, source: Buffer, base: number): readonly string[] {
  const values: string[] = [];
  for (let at = 0; at < fields.count * numbersPerField; at += numbersPerField) {
    const start = base + (fields.numbers[at] as number);
    const nameEnd = base + (fields.numbers[at + 1] as number);
    if (nameEnd - start !== 10 || !equalsText(source, start, 'connection')) continue;
    const [from, to] = [fields.numbers[at + 2] ?? 0, fields.numbers[at + 3] ?? 0];
    values.push(source.toString('latin1', base + from, base + to).toLowerCase());
  }
  return values.flatMap((value) => value.split(',').map((name) => name.trim()));
}

function isNamed(
  names: readonly string[],
  source: Buffer,
  [start, end]: readonly [number, number],
): boolean {
  return names.some((name) => name.length === end - start && equalsText(source, start, name));
}
