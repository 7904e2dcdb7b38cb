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

/** Takes the next range of a prompt. */
type TakeRange = (start: number, end: number) => void;

/**
 * The prompt's bytes in an order that depends on the prompt only: tools, system, then each message by role, content
 * and its other members. Bodies whose prompts begin alike have ranges whose bytes begin alike, wherever their other
 * fields stand. Texts are compared as bytes: one that is escaped in another way is another text.
 */
export function eachPromptRange(body: ScannedBody, take: TakeRange): void {
  for (const field of promptFields) {
    const range = body.rangeOf(field);
    if (range === undefined) continue;
    const isList = (field === 'messages' || field === 'input') && body.kindOf(field) === 'array';
    if (isList) takeMessages(body, range, take);
    else take(range.start, range.end);
  }
}

function takeMessages(body: ScannedBody, range: ByteRange, take: TakeRange): void {
  const cursor = body.cursorAt(range);
  cursor.enter();
  while (cursor.nextElement()) {
    if (cursor.peek() === openBrace) takeMessage(cursor, take);
    else takeValue(cursor, take);
  }
}

function takeValue(cursor: JsonCursor, take: TakeRange): void {
  const start = cursor.position;
  cursor.skipValue();
  take(start, cursor.position);
}

function takeMessage(cursor: JsonCursor, take: TakeRange): void {
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
    if (start !== -1) take(start, ranges[at + 1] ?? start);
  }
}
