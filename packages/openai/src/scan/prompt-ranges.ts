import { FieldNames } from './field-names.ts';
import type { JsonCursor } from './json-cursor.ts';
import type { ByteRange, ScannedBody } from './scanned-body.ts';
import type { ScannedField } from './scanned-field.ts';

/** The fields of a prompt in the order in which a model reads them: chat templates write tools first. */
export const promptFields: readonly ScannedField[] = [
  'tools',
  'instructions',
  'system',
  'messages',
  'prompt',
  'input',
];
const messageNames = new FieldNames(['role', 'content']);
const openBrace = 0x7b;

/** Takes the next range of a prompt, and answers whether it wants more. */
type TakeRange = (start: number, end: number) => boolean;

/**
 * The prompt's bytes in an order that depends on the prompt only: tools, system, then each message by role, content
 * and its other members. Bodies whose prompts begin alike have ranges whose bytes begin alike, wherever their other
 * fields stand. Texts are compared as bytes: one that is escaped in another way is another text.
 */
export function promptRanges(body: ScannedBody): readonly ByteRange[] {
  const ranges: ByteRange[] = [];
  takePrompt(body, (start, end) => {
    ranges.push({ start, end });
    return true;
  });
  return ranges;
}

/** Copies the prompt's bytes, in the order of `promptRanges`, until `target` is full; answers how many it wrote. */
export function copyPrompt(body: ScannedBody, target: Uint8Array): number {
  let written = 0;
  takePrompt(body, (start, end) => {
    const sourceEnd = Math.min(end, start + target.length - written);
    target.set(body.bytes.subarray(start, sourceEnd), written);
    written += sourceEnd - start;
    return written < target.length;
  });
  return written;
}

function takePrompt(body: ScannedBody, take: TakeRange): void {
  for (const field of promptFields) {
    const range = body.rangeOf(field);
    if (range === undefined) continue;
    const isList = (field === 'messages' || field === 'input') && body.kindOf(field) === 'array';
    const wantsMore = isList ? takeMessages(body, range, take) : take(range.start, range.end);
    if (!wantsMore) return;
  }
}

function takeMessages(body: ScannedBody, range: ByteRange, take: TakeRange): boolean {
  const cursor = body.cursorAt(range);
  cursor.enter();
  while (cursor.nextElement()) {
    const isMessage = cursor.peek() === openBrace;
    if (!(isMessage ? takeMessage(cursor, take) : takeValue(cursor, take))) return false;
  }
  return true;
}

function takeValue(cursor: JsonCursor, take: TakeRange): boolean {
  const start = cursor.position;
  cursor.skipValue();
  return take(start, cursor.position);
}

function takeMessage(cursor: JsonCursor, take: TakeRange): boolean {
  /** Start and end of the role, the content, then of each other member, its name included. */
  const ranges = [-1, -1, -1, -1];
  cursor.enter();
  while (cursor.nextMember()) {
    const index = messageNames.indexAt(cursor);
    const start = index === -1 ? cursor.nameStart : cursor.position;
    cursor.skipValue();
    if (index === -1) ranges.push(start, cursor.position);
    else {
      ranges[2 * index] = start;
      ranges[2 * index + 1] = cursor.position;
    }
  }
  for (let at = 0; at < ranges.length; at += 2) {
    const start = ranges[at] ?? -1;
    if (start !== -1 && !take(start, ranges[at + 1] ?? start)) return false;
  }
  return true;
}
