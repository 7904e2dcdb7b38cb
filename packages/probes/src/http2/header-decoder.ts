import { HuffmanDecoder } from './huffman.ts';
import { staticTable } from './static-table.ts';

/** A header field; what stands in an entry that was made before the connection was watched is undefined. */
export interface HeaderField {
  readonly name: string | undefined;
  readonly value: string | undefined;
}

const entryOverheadBytes = 32;
const tableBytesDefault = 4096;
const tableBytesMax = 1_048_576;

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/**
 * HPACK of one direction (RFC 7541). When it is met midway, or a block was lost, entries that it has not seen being made are
 * unknown, and so are the fields that name them; all others stay exact, because newer entries have the lower numbers.
 */
export class HeaderDecoder {
  readonly #huffman = new HuffmanDecoder();
  #entries: HeaderField[] = [];
  #bytes = 0;
  #bytesMax = tableBytesDefault;

  /** Fields of one block; undefined when it is malformed, after which nothing of the table is known. */
  decode(block: Uint8Array): readonly HeaderField[] | undefined {
    const cursor: Cursor = { bytes: block, at: 0 };
    const fields: HeaderField[] = [];
    while (cursor.at < block.length) {
      const before = cursor.at;
      const field = this.#next(cursor);
      if (field === undefined || cursor.at <= before || cursor.at > block.length) {
        this.forget();
        return undefined;
      }
      if (field !== 'size') fields.push(field);
    }
    return fields;
  }

  /** A block passed unseen: entries made before are not numbered as they were. */
  forget(): void {
    this.#entries = [];
    this.#bytes = 0;
  }

  #next(cursor: Cursor): HeaderField | 'size' | undefined {
    const first = cursor.bytes[cursor.at] as number;
    if ((first & 0x80) !== 0) {
      const index = readInteger(cursor, 7);
      return index === undefined || index === 0 ? undefined : this.#entry(index);
    }
    if ((first & 0xe0) === 0x20) return this.#resize(cursor);
    const isIndexed = (first & 0xc0) === 0x40;
    const index = readInteger(cursor, isIndexed ? 6 : 4);
    if (index === undefined) return undefined;
    const name = index === 0 ? this.#string(cursor) : this.#entry(index).name;
    if (index === 0 && name === undefined) return undefined;
    const value = this.#string(cursor);
    if (value === undefined) return undefined;
    if (isIndexed) this.#insert({ name, value });
    return { name, value };
  }

  #entry(index: number): HeaderField {
    const fixed = staticTable[index - 1];
    if (fixed !== undefined) return { name: fixed[0], value: fixed[1] };
    return this.#entries[index - 1 - staticTable.length] ?? { name: undefined, value: undefined };
  }

  #resize(cursor: Cursor): 'size' | undefined {
    const bytes = readInteger(cursor, 5);
    if (bytes === undefined || bytes > tableBytesMax) return undefined;
    this.#bytesMax = bytes;
    this.#shrink();
    return 'size';
  }

  #insert(field: HeaderField): void {
    this.#entries.unshift(field);
    this.#bytes += bytesOf(field);
    this.#shrink();
  }

  #shrink(): void {
    while (this.#bytes > this.#bytesMax) {
      const last = this.#entries.pop();
      if (last === undefined) return;
      this.#bytes -= bytesOf(last);
    }
  }

  #string(cursor: Cursor): string | undefined {
    const isCoded = ((cursor.bytes[cursor.at] ?? 0) & 0x80) !== 0;
    const length = readInteger(cursor, 7);
    if (length === undefined || cursor.at + length > cursor.bytes.length) return undefined;
    const bytes = cursor.bytes.subarray(cursor.at, cursor.at + length);
    cursor.at += length;
    if (isCoded) return this.#huffman.decode(bytes);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  }
}

function bytesOf({ name, value }: HeaderField): number {
  return (name?.length ?? 0) + (value?.length ?? 0) + entryOverheadBytes;
}

/** An integer with a prefix of so many bits (RFC 7541, 5.1); at most four bytes follow. */
function readInteger(cursor: Cursor, prefixBits: number): number | undefined {
  const { bytes } = cursor;
  const mask = 2 ** prefixBits - 1;
  const first = bytes[cursor.at];
  if (first === undefined) return undefined;
  cursor.at++;
  let value = first & mask;
  if (value < mask) return value;
  for (let shift = 0; shift <= 21; shift += 7) {
    const byte = bytes[cursor.at];
    if (byte === undefined) return undefined;
    cursor.at++;
    value += (byte & 0x7f) * 2 ** shift;
    if ((byte & 0x80) === 0) return value;
  }
  return undefined;
}
