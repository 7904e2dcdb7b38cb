import { FieldNames } from './field-names.ts';
import type { JsonCursor } from './json-cursor.ts';
import type { ScannedBody } from './scanned-body.ts';
import { indexOfField, type ScannedField } from './scanned-field.ts';

/** The fields of a prompt in the order in which a model reads them: chat templates write tools first. */
export const promptFields: readonly ScannedField[] = [
  'tools',
  'instructions',
  'system',
  'messages',
  'prompt',
  'input',
];
const promptFieldIndices = promptFields.map(indexOfField);
const messageNames = new FieldNames(['role', 'content']);
const openBrace = 0x7b;
/** A message without a role, or without a content. */
const absent = -1;
/** Numbers that are kept of one list; what follows is read as one range, in the order of the body. */
const listNumbersMax = 16_384;

/** Takes the ranges of a prompt, one after another. */
export interface PromptSink {
  add(bytes: Buffer, start: number, end: number): void;
}

/**
 * The prompt's bytes in an order that depends on the prompt only: tools, system, then each message by role, content
 * and its other members. Bodies whose prompts begin alike have ranges whose bytes begin alike, wherever their other
 * fields stand. Texts are compared as bytes: one that is escaped in another way is another text. Returns how many they are.
 */
export function addPrompt(body: ScannedBody, sink: PromptSink): number {
  let length = 0;
  for (let at = 0; at < promptFieldIndices.length; at++) {
    const field = promptFieldIndices[at] as number;
    const start = body.startOf(field);
    if (start === absent) continue;
    const elements = body.elementsOf(field);
    if (elements !== undefined) {
      length += addRanges(body.bytes, elements, sink);
      continue;
    }
    const end = body.endOf(field);
    sink.add(body.bytes, start, end);
    length += end - start;
  }
  return length;
}

function addRanges(bytes: Buffer, ranges: readonly number[], sink: PromptSink): number {
  let length = 0;
  for (let at = 0; at < ranges.length; at += 2) {
    const start = ranges[at] as number;
    if (start === absent) continue;
    const end = ranges[at + 1] as number;
    sink.add(bytes, start, end);
    length += end - start;
  }
  return length;
}

/**
 * Steps over a list of messages or inputs, and puts start and end of what a model reads of each behind `ranges`, in the
 * order in which it reads them; -1 twice where a message lacks its role or its content. False where it is not JSON.
 */
export function readElements(cursor: JsonCursor, ranges: number[]): boolean {
  if (!cursor.enter()) return false;
  while (cursor.nextElement()) {
    const isMessage = cursor.peek() === openBrace && ranges.length < listNumbersMax;
    if (isMessage) {
      if (!readMessage(cursor, ranges)) return false;
      continue;
    }
    const start = cursor.position;
    if (!cursor.skipValue()) return false;
    addRange(ranges, start, cursor.position);
  }
  return cursor.problem === undefined;
}

function readMessage(cursor: JsonCursor, ranges: number[]): boolean {
  const first = ranges.length;
  ranges.push(absent, absent, absent, absent);
  if (!cursor.enter()) return false;
  while (cursor.nextMember()) {
    const index = messageNames.indexAt(cursor);
    const start = index === -1 ? cursor.nameStart : cursor.position;
    if (!cursor.skipValue()) return false;
    if (index === -1) addRange(ranges, start, cursor.position);
    else {
      ranges[first + 2 * index] = start;
      ranges[first + 2 * index + 1] = cursor.position;
    }
  }
  return cursor.problem === undefined;
}

function addRange(ranges: number[], start: number, end: number): void {
  const last = ranges.length - 2;
  if (ranges.length < listNumbersMax) ranges.push(start, end);
  else {
    if (ranges[last] === absent) ranges[last] = start;
    ranges[last + 1] = end;
  }
}
