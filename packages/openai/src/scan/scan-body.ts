import { isUtf8 } from 'node:buffer';
import { assertDefined } from '@millrace/stdx';
import { scanBounds } from '../options.ts';
import { FieldNames } from './field-names.ts';
import { firstInvalidUtf8 } from './invalid-utf8.ts';
import { JsonCursor } from './json-cursor.ts';
import { readElements } from './prompt-ranges.ts';
import { grammarProblem, type ScanProblem } from './scan-problem.ts';
import { ScanRoom } from './scan-room.ts';
import { ScannedBody, type ScannedBodyParts } from './scanned-body.ts';
import { indexOfField, scannedFields } from './scanned-field.ts';

/** A body, scanned, or what is wrong with it. */
export type BodyScan =
  | { readonly kind: 'scanned'; readonly body: ScannedBody }
  | { readonly kind: 'malformed'; readonly problem: ScanProblem };

type FoundParts = { -readonly [Key in keyof ScannedBodyParts]: ScannedBodyParts[Key] } & {
  ranges: number[];
};

const names = new FieldNames(scannedFields);
/** One for all bodies: a scan is one turn, and leaves nothing in it. */
const sharedCursor = new JsonCursor(scanBounds.depthMax);
const room = ScanRoom.open();
const openBrace = 0x7b;
const openBracket = 0x5b;
const messagesField = indexOfField('messages');
const inputField = indexOfField('input');
/** Start and end of each field's value: none is found yet. */
const noRanges: readonly number[] = scannedFields.flatMap(() => [-1, -1]);

/**
 * Checks a whole request body and finds its routing fields, without parsing it. It takes exactly the objects that
 * `JSON.parse` takes, unless they are not UTF-8, begin with a byte order mark, or nest deeper than the bound.
 */
export function scanBody(bytes: Buffer): BodyScan {
  const encoding = encodingProblem(bytes);
  if (encoding !== undefined) return malformed(encoding);
  if (room?.take(bytes) === true) sharedCursor.resetIn(room, bytes.length);
  else sharedCursor.reset(bytes, 0, bytes.length);
  const scan = scanWith(sharedCursor, bytes);
  sharedCursor.release();
  return scan;
}

function scanWith(cursor: JsonCursor, bytes: Buffer): BodyScan {
  if (cursor.peek() !== openBrace) return malformed(notAnObject(bytes, cursor));
  const start = cursor.position;
  const found: FoundParts = {
    start,
    memberCount: 0,
    ranges: noRanges.slice(),
    repeated: undefined,
    messages: undefined,
    inputs: undefined,
  };
  cursor.enter();
  while (cursor.nextMember()) {
    const { nameStart, nameEnd } = cursor;
    found.memberCount++;
    if (!readMember(cursor, found))
      return malformed(problemIn(bytes, cursor, [nameStart, nameEnd]));
  }
  if (cursor.problem !== undefined) return malformed(grammarProblem(bytes, cursor.problem));
  if (cursor.peek() !== -1) return malformed(trailingBytes(cursor.position));
  return { kind: 'scanned', body: new ScannedBody(bytes, found) };
}

/** Steps over the value of a member, and keeps where it stands if it is looked for. */
function readMember(cursor: JsonCursor, found: FoundParts): boolean {
  const index = names.indexAt(cursor);
  if (index === -1) return cursor.skipValue();
  const { ranges } = found;
  if (ranges[2 * index] !== -1) found.repeated = [...(found.repeated ?? []), index];
  ranges[2 * index] = cursor.position;
  const isRead =
    index === messagesField || index === inputField
      ? readList(cursor, found, index)
      : cursor.skipValue();
  ranges[2 * index + 1] = cursor.position;
  return isRead;
}

function readList(cursor: JsonCursor, found: FoundParts, index: number): boolean {
  const elements = cursor.peek() === openBracket ? [] : undefined;
  if (index === messagesField) found.messages = elements;
  else found.inputs = elements;
  return elements === undefined ? cursor.skipValue() : readElements(cursor, elements);
}

function malformed(problem: ScanProblem): BodyScan {
  return { kind: 'malformed', problem };
}

function encodingProblem(bytes: Buffer): ScanProblem | undefined {
  if (!isUtf8(bytes)) {
    const byteOffset = firstInvalidUtf8(bytes);
    const message = `at byte ${byteOffset} it is not UTF-8`;
    return { code: 'not_utf8', byteOffset, message };
  }
  if (bytes[0] !== 0xef || bytes[1] !== 0xbb || bytes[2] !== 0xbf) return undefined;
  const message = 'at byte 0 there is a byte order mark, which JSON does not have';
  return { code: 'byte_order_mark', byteOffset: 0, message };
}

/** The problem of a body that does not begin with a brace: no JSON, or JSON of another kind. */
function notAnObject(bytes: Buffer, cursor: JsonCursor): ScanProblem {
  const byteOffset = cursor.position;
  if (!cursor.skipValue() && cursor.problem !== undefined)
    return grammarProblem(bytes, cursor.problem);
  const message = `at byte ${byteOffset} there is a value of another kind where an object must stand`;
  return { code: 'not_an_object', byteOffset, message };
}

function problemIn(
  bytes: Buffer,
  cursor: JsonCursor,
  [nameStart, nameEnd]: readonly [number, number],
): ScanProblem {
  const name = JSON.parse(bytes.toString('utf8', nameStart, nameEnd)) as string;
  return grammarProblem(bytes, assertDefined(cursor.problem, 'a step that failed says why'), name);
}

function trailingBytes(byteOffset: number): ScanProblem {
  const message = `at byte ${byteOffset} something follows the end of the object`;
  return { code: 'trailing_bytes', byteOffset, message };
}
