import type { JsonCursor } from './json-cursor.ts';

/** An escape of one letter, `\u0065`, takes six bytes at most. */
const escapedByteBytesMax = 6;
/** Names are told apart by their length and as many bits of their first letter, most of them by that alone. */
const letterBits = 5;
const letterMask = (1 << letterBits) - 1;
const none = -1;

/** The names of fields that are looked for among an object's members, known by their index. */
export class FieldNames {
  /** By length and first letter: the first such name, and for each name the next one that is alike in both. */
  readonly #first: Int16Array;
  readonly #next: Int16Array;
  /** The letters of all names one after another, and where those of each begin. */
  readonly #letters: Uint8Array;
  readonly #starts: Int16Array;
  readonly #indexByName: ReadonlyMap<string, number>;
  readonly #lengthMax: number;

  constructor(names: readonly string[]) {
    this.#lengthMax = Math.max(...names.map((name) => name.length));
    this.#letters = Uint8Array.from(Buffer.from(names.join('')));
    this.#starts = new Int16Array(names.length);
    this.#first = new Int16Array((this.#lengthMax + 1) << letterBits).fill(none);
    this.#next = new Int16Array(names.length).fill(none);
    this.#indexByName = new Map(names.map((name, index) => [name, index]));
    let start = 0;
    for (const [index, name] of names.entries()) {
      const slot = (name.length << letterBits) | (name.charCodeAt(0) & letterMask);
      this.#starts[index] = start;
      this.#next[index] = this.#first[slot] as number;
      this.#first[slot] = index;
      start += name.length;
    }
  }

  /** The index of the name of the member that the cursor has reached; -1 where it is not looked for. */
  indexAt(cursor: JsonCursor): number {
    const start = cursor.nameStart + 1;
    const length = cursor.nameEnd - 1 - start;
    if (!cursor.nameIsPlain) return this.#indexOfEscaped(cursor, length);
    if (length > this.#lengthMax) return none;
    const slot = (length << letterBits) | ((cursor.bytes[start] as number) & letterMask);
    let index = this.#first[slot] as number;
    while (index !== none && !this.#isAt(cursor, index)) index = this.#next[index] as number;
    return index;
  }

  #isAt({ bytes, nameStart, nameEnd }: JsonCursor, index: number): boolean {
    const letters = this.#letters;
    let letter = this.#starts[index] as number;
    for (let at = nameStart + 1; at < nameEnd - 1; at++)
      if (bytes[at] !== letters[letter++]) return false;
    return true;
  }

  #indexOfEscaped(cursor: JsonCursor, length: number): number {
    if (length > this.#lengthMax * escapedByteBytesMax) return none;
    const text = Buffer.from(cursor.bytes.subarray(cursor.nameStart, cursor.nameEnd));
    const name = JSON.parse(text.toString('utf8')) as string;
    return this.#indexByName.get(name) ?? none;
  }
}
