import type { JsonCursor } from './json-cursor.ts';

interface NamedField {
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** An escape of one letter, `\u0065`, takes six bytes at most. */
const escapedByteBytesMax = 6;

/** The names of fields that are looked for among an object's members, known by their index. */
export class FieldNames {
  readonly #byLength: readonly (readonly NamedField[])[];
  readonly #indexByName: ReadonlyMap<string, number>;
  readonly #lengthMax: number;

  constructor(names: readonly string[]) {
    this.#lengthMax = Math.max(...names.map((name) => name.length));
    this.#byLength = Array.from({ length: this.#lengthMax + 1 }, (_, length) =>
      names.flatMap((name, index) =>
        name.length === length ? [{ index, bytes: Buffer.from(name) }] : [],
      ),
    );
    this.#indexByName = new Map(names.map((name, index) => [name, index]));
  }

  /** The index of the name of the member that the cursor has reached; -1 where it is not looked for. */
  indexAt(cursor: JsonCursor): number {
    const start = cursor.nameStart + 1;
    const length = cursor.nameEnd - 1 - start;
    if (!cursor.nameIsPlain) return this.#indexOfEscaped(cursor, length);
    const candidates = this.#byLength[length];
    if (candidates === undefined) return -1;
    for (const { index, bytes } of candidates)
      if (startsWith(cursor.bytes, start, bytes)) return index;
    return -1;
  }

  #indexOfEscaped(cursor: JsonCursor, length: number): number {
    if (length > this.#lengthMax * escapedByteBytesMax) return -1;
    const text = Buffer.from(cursor.bytes.subarray(cursor.nameStart, cursor.nameEnd));
    const name = JSON.parse(text.toString('utf8')) as string;
    return this.#indexByName.get(name) ?? -1;
  }
}

function startsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let at = 0; at < prefix.length; at++) if (bytes[start + at] !== prefix[at]) return false;
  return true;
}
