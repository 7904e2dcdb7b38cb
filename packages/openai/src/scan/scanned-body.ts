import { scanBounds } from '../options.ts';
import { FieldNames } from './field-names.ts';
import { JsonCursor } from './json-cursor.ts';
import { KnownTexts } from './known-texts.ts';
import { indexOfField, scannedFields, type ScannedField } from './scanned-field.ts';

/** Bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What a JSON value is. */
export type JsonKind = 'array' | 'boolean' | 'null' | 'number' | 'object' | 'string';

/** What a scan hands to the body it makes. */
export interface ScannedBodyParts {
  /** Where the object begins. */
  readonly start: number;
  readonly memberCount: number;
  /** Start and end of each field's value in the order of `scannedFields`; -1 where it is absent. */
  readonly ranges: readonly number[];
  /** Indices of the fields that come more than once; undefined where there are none. */
  readonly repeated: readonly number[] | undefined;
  /** What a model reads of each message, where they are a list, and of each input: see `readElements`. */
  readonly messages: readonly number[] | undefined;
  readonly inputs: readonly number[] | undefined;
}

const usageNames = new FieldNames(['include_usage']);
const openBrace = 0x7b;
const quote = 0x22;
const closeBracket = 0x5d;
const messagesField = indexOfField('messages');
const inputField = indexOfField('input');
/** So many digits are an exact number whatever they are. */
const digitsMax = 15;
/** One for all bodies: texts are mostly the same few. */
const knownTexts = new KnownTexts();

/** A request body that is a JSON object, and where its routing fields stand. Values are decoded when they are asked for. */
export class ScannedBody {
  readonly bytes: Buffer;
  readonly #parts: ScannedBodyParts;
  readonly #ranges: readonly number[];

  constructor(bytes: Buffer, parts: ScannedBodyParts) {
    this.bytes = bytes;
    this.#parts = parts;
    this.#ranges = parts.ranges;
  }

  /** Where the object begins: white space may stand before it. */
  get start(): number {
    return this.#parts.start;
  }

  get memberCount(): number {
    return this.#parts.memberCount;
  }

  /** Fields that come more than once. The last one counts here as for `JSON.parse`; other parsers take the first. */
  get repeated(): readonly ScannedField[] {
    return scannedFields.filter((_, index) => this.#parts.repeated?.includes(index));
  }

  /** Whether `stream_options.include_usage` is true. */
  get includesUsage(): boolean {
    const range = this.rangeOf('stream_options');
    if (range === undefined || this.bytes[range.start] !== openBrace) return false;
    const cursor = this.cursorAt(range);
    let isTrue = false;
    cursor.enter();
    while (cursor.nextMember()) {
      const isWanted = usageNames.indexAt(cursor) === 0;
      const byte = cursor.peek();
      if (isWanted) isTrue = byte === 0x74;
      cursor.skipValue();
    }
    return isTrue;
  }

  /** Whether `tools` is an array with something in it. */
  get hasTools(): boolean {
    const range = this.rangeOf('tools');
    if (range === undefined || this.kindOf('tools') !== 'array') return false;
    const cursor = this.cursorAt(range);
    cursor.enter();
    return cursor.peek() !== closeBracket;
  }

  /** Where the value of a field stands, its quotes or brackets included. */
  rangeOf(field: ScannedField): ByteRange | undefined {
    const index = indexOfField(field);
    const start = this.startOf(index);
    return start === -1 ? undefined : { start, end: this.endOf(index) };
  }

  /** Where the value of the field of this index begins; -1 where it is absent. */
  startOf(index: number): number {
    return this.#ranges[2 * index] as number;
  }

  /** Where the value of the field of this index ends; -1 where it is absent. */
  endOf(index: number): number {
    return this.#ranges[2 * index + 1] as number;
  }

  /** What a model reads of each element of the field of this index, where it is a list of messages or inputs. */
  elementsOf(index: number): readonly number[] | undefined {
    if (index === messagesField) return this.#parts.messages;
    return index === inputField ? this.#parts.inputs : undefined;
  }

  kindOf(field: ScannedField): JsonKind | undefined {
    const start = this.startOf(indexOfField(field));
    return start === -1 ? undefined : kindAt(this.bytes[start] ?? 0);
  }

  /** The value of a field, parsed; it costs what `JSON.parse` of it costs. */
  decode(field: ScannedField): unknown {
    const range = this.rangeOf(field);
    if (range === undefined) return undefined;
    return JSON.parse(this.bytes.toString('utf8', range.start, range.end));
  }

  /** The text of the field of this index; undefined where it is absent or no string. */
  textAt(index: number): string | undefined {
    const start = this.startOf(index);
    if (start === -1 || this.bytes[start] !== quote) return undefined;
    return knownTexts.read(this.bytes, start, this.endOf(index));
  }

  /** The number of the field of this index; undefined where it is absent or no number. */
  numberAt(index: number): number | undefined {
    const start = this.startOf(index);
    if (start === -1 || kindAt(this.bytes[start] ?? 0) !== 'number') return undefined;
    return numberIn(this.bytes, start, this.endOf(index));
  }

  isTrueAt(index: number): boolean {
    return this.bytes[this.startOf(index)] === 0x74;
  }

  /** A cursor on a value of this body, which is known to be well formed. */
  cursorAt({ start, end }: ByteRange): JsonCursor {
    const cursor = new JsonCursor(scanBounds.depthMax);
    cursor.reset(this.bytes, start, end);
    return cursor;
  }
}

/** A number; digits alone, as nearly all are, need no parser. */
function numberIn(bytes: Buffer, start: number, end: number): number {
  if (end - start > digitsMax) return JSON.parse(bytes.toString('latin1', start, end)) as number;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return JSON.parse(bytes.toString('latin1', start, end)) as number;
    value = 10 * value + digit;
  }
  return value;
}

function kindAt(firstByte: number): JsonKind {
  switch (firstByte) {
    case 0x22:
      return 'string';
    case 0x7b:
      return 'object';
    case 0x5b:
      return 'array';
    case 0x74:
    case 0x66:
      return 'boolean';
    case 0x6e:
      return 'null';
    default:
      return 'number';
  }
}
