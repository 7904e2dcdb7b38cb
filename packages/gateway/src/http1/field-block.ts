import { gapBytes, HeaderBlock } from '../messages/header-block.ts';
import { carriageReturn, equalsText, space } from './bytes.ts';
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
  const bytes = Buffer.allocUnsafe(byteLengthOf(fields, source, { base, named }));
  const names: number[] = [];
  let to = 0;
  // Fields that stand as they are to be written, one behind the other, are copied as one: mostly all of them.
  let [runStart, runEnd] = [0, 0];
  for (let at = 0; at < count * numbersPerField; at += numbersPerField) {
    if (numbers[at + 4] !== 0) continue;
    const start = base + (numbers[at] as number);
    const nameEnd = base + (numbers[at + 1] as number);
    if (named !== undefined && isNamed(named, source, [start, nameEnd])) continue;
    const valueStart = base + (numbers[at + 2] as number);
    const valueEnd = base + (numbers[at + 3] as number);
    const isAsWritten =
      valueStart === nameEnd + 2 &&
      source[nameEnd + 1] === space &&
      source[valueEnd] === carriageReturn;
    if (!isAsWritten || start !== runEnd) {
      source.copy(bytes, to - (runEnd - runStart), runStart, runEnd);
      [runStart, runEnd] = [start, start];
    }
    names.push(to, to + nameEnd - start);
    if (isAsWritten) {
      to += valueEnd + 2 - start;
      runEnd = valueEnd + 2;
      continue;
    }
    to += source.copy(bytes, to, start, nameEnd);
    to += bytes.write(': ', to, 'latin1');
    to += source.copy(bytes, to, valueStart, valueEnd);
    to += bytes.write('\r\n', to, 'latin1');
  }
  source.copy(bytes, to - (runEnd - runStart), runStart, runEnd);
  return new HeaderBlock(bytes, names);
}

/** What the fields that travel on take when they are written. */
function byteLengthOf(
  { numbers, count }: FieldParser,
  source: Buffer,
  { base, named }: { readonly base: number; readonly named: readonly string[] | undefined },
): number {
  let byteLength = 0;
  for (let at = 0; at < count * numbersPerField; at += numbersPerField) {
    if (numbers[at + 4] !== 0) continue;
    const start = numbers[at] as number;
    const nameEnd = numbers[at + 1] as number;
    if (named !== undefined && isNamed(named, source, [base + start, base + nameEnd])) continue;
    const valueBytes = (numbers[at + 3] as number) - (numbers[at + 2] as number);
    byteLength += nameEnd - start + gapBytes + valueBytes + gapBytes;
  }
  return byteLength;
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
