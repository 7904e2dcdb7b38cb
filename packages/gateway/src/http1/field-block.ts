import { FieldLines } from '../messages/field-lines.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { carriageReturn, equalsText, space } from './bytes.ts';
import { type FieldParser, numbersPerField } from './field-parser.ts';
import type { Framing } from './framing.ts';

/** A head that has been read. */
export interface ParsedHead {
  readonly fields: FieldParser;
  readonly framing: Framing;
}

/** Between a name and its value as it is written, and behind a value. */
const gap = ': ';
const lineEnd = '\r\n';

/**
 * The fields that travel on, as bytes of their own: without those that frame the message or belong to its connection,
 * nor those that `connection` names. Each is written as `name: value` and an end of line, whatever space stood there.
 */
export function fieldBlock(head: ParsedHead, source: Buffer, base: number): HeaderBlock {
  const { numbers, count } = head.fields;
  if (count === 0) return HeaderBlock.empty;
  // Those that stay here are copied as well, and left out when it is written: that is one copy.
  const from = base + (numbers[0] as number);
  const lines = linesOf(head, source, { base, from });
  if (lines === undefined) return writtenAlike(head, source, base);
  const byteCount = lines.at(-1) ?? 0;
  if (byteCount === 0) return HeaderBlock.empty;
  const bytes = Buffer.allocUnsafe(byteCount);
  source.copy(bytes, 0, from, from + byteCount);
  return new HeaderBlock(new FieldLines(bytes, lines));
}

/** The same, where the head stands in memory that stays as it is, and is to stand for many messages. */
export function sharedFieldBlock(head: ParsedHead, source: Buffer): HeaderBlock {
  const lines = linesOf(head, source, { base: 0, from: 0 });
  if (lines === undefined) return writtenAlike(head, source, 0);
  return new HeaderBlock(new FieldLines(source, lines, true));
}

/** Where the lines stand, counted from `from`; undefined: one is not written as it is to be sent. */
function linesOf(
  head: ParsedHead,
  source: Buffer,
  { base, from }: { readonly base: number; readonly from: number },
): readonly number[] | undefined {
  const { numbers } = head.fields;
  const shift = base - from;
  const lines: number[] = [];
  for (const at of placesKept(head, source, base)) {
    const nameEnd = numbers[at + 1] as number;
    const valueEnd = numbers[at + 3] as number;
    const isAsSent =
      numbers[at + 2] === nameEnd + 2 &&
      source[base + nameEnd + 1] === space &&
      source[base + valueEnd] === carriageReturn;
    if (!isAsSent) return undefined;
    lines.push((numbers[at] as number) + shift, nameEnd + shift, valueEnd + 2 + shift);
  }
  return lines;
}

/** Some come with other space than they are sent with: all are written anew. */
function writtenAlike(head: ParsedHead, source: Buffer, base: number): HeaderBlock {
  const { numbers } = head.fields;
  const between = (start: number, end: number): string =>
    source.toString('latin1', base + (numbers[start] as number), base + (numbers[end] as number));
  const lines: number[] = [];
  let text = '';
  for (const at of placesKept(head, source, base)) {
    const name = between(at, at + 1);
    const lineStart = text.length;
    text += name + gap + between(at + 2, at + 3) + lineEnd;
    lines.push(lineStart, lineStart + name.length, text.length);
  }
  return new HeaderBlock(new FieldLines(Buffer.from(text, 'latin1'), lines));
}

/** Of the fields that travel on, where the numbers of each begin among the parser's. */
function placesKept({ fields, framing }: ParsedHead, source: Buffer, base: number): number[] {
  const { numbers, count } = fields;
  const named = framing.namesFields ? namesIn(fields, source, base) : undefined;
  const places: number[] = [];
  for (let at = 0; at < count * numbersPerField; at += numbersPerField) {
    if (numbers[at + 4] !== 0) continue;
    const start = base + (numbers[at] as number);
    const end = base + (numbers[at + 1] as number);
    if (named === undefined || !isNamed(named, source, [start, end])) places.push(at);
  }
  return places;
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
