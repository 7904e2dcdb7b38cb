import { scanBounds } from '../options.ts';
import { FieldNames } from './field-names.ts';
import { JsonCursor } from './json-cursor.ts';
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
  /** Indices of the fields that come more than once. */
  readonly repeated: readonly number[];
  /** Where long strings begin and end: whoever goes over the body again need not read them. */
  readonly longStrings: Map<number, number> | undefined;
}

const usageNames = new FieldNames(['include_usage']);
const openBrace = 0x7b;
const quote = 0x22;
const backslash = 0x5c;
const closeBracket = 0x5d;

/** A request body that is a JSON object, and where its routing fields stand. Values are decoded when they are asked for. */
export class ScannedBody {
  readonly bytes: Buffer;
  /** Where the object begins: white space may stand before it. */
  readonly start: number;
  readonly memberCount: number;
  readonly #ranges: readonly number[];
  readonly #repeated: readonly number[];
  readonly #longStrings: Map<number, number> | undefined;

  constructor(bytes: Buffer, parts: ScannedBodyParts) {
    const { start, memberCount, ranges, repeated, longStrings } = parts;
    this.bytes = bytes;
    this.start = start;
    this.memberCount = memberCount;
    this.#ranges = ranges;
    this.#repeated = repeated;
    this.#longStrings = longStrings;
  }

  /** Fields that come more than once. The last one counts here as for `JSON.parse`; other parsers take the first. */
  get repeated(): readonly ScannedField[] {
    return scannedFields.filter((_, index) => this.#repeated.includes(index));
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
    const start = this.#ranges[2 * index] ?? -1;
    if (start === -1) return undefined;
    return { start, end: this.#ranges[2 * index + 1] ?? start };
  }

  kindOf(field: ScannedField): JsonKind | undefined {
    const start = this.#ranges[2 * indexOfField(field)] ?? -1;
    return start === -1 ? undefined : kindAt(this.bytes[start] ?? 0);
  }

  /** The value of a field, parsed; it costs what `JSON.parse` of it costs. */
  decode(field: ScannedField): unknown {
    const range = this.rangeOf(field);
    if (range === undefined) return undefined;
    return (
      plainText(this.bytes, range) ??
      JSON.parse(this.bytes.toString('utf8', range.start, range.end))
    );
  }

  /** The text of a field; undefined where it is absent or no string. */
  textOf(field: ScannedField): string | undefined {
    return this.kindOf(field) === 'string' ? (this.decode(field) as string) : undefined;
  }

  /** The number of a field; undefined where it is absent or no number. */
  numberOf(field: ScannedField): number | undefined {
    return this.kindOf(field) === 'number' ? (this.decode(field) as number) : undefined;
  }

  isTrue(field: ScannedField): boolean {
    return this.bytes[this.#ranges[2 * indexOfField(field)] ?? -1] === 0x74;
  }

  /** A cursor on a value of this body, which is known to be well formed. */
  cursorAt({ start, end }: ByteRange): JsonCursor {
    const cursor = new JsonCursor(scanBounds.depthMax);
    cursor.reset(this.bytes, start, end);
    cursor.longStrings = this.#longStrings;
    return cursor;
  }
}

/** A text of ASCII without escapes, as names of models are: parsing it would only copy it once more. */
function plainText(bytes: Buffer, { start, end }: ByteRange): string | undefined {
  if (bytes[start] !== quote) return undefined;
  for (let at = start + 1; at < end - 1; at++) {
    const byte = bytes[at] as number;
    if (byte === backslash || byte >= 0x80) return undefined;
  }
  return bytes.toString('latin1', start + 1, end - 1);
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
