import { ByteReader } from '../elf/byte-reader.ts';
import { Btf } from './btf.ts';
import type { BtfAliasKind, BtfType } from './btf-types.ts';

/** BTF's numbers (linux/btf.h). */
const magic = 0xeb9f;
const headerBytes = 24;
const typeHeaderBytes = 12;

/** Reads all of an object's `.BTF` section. Throws `BPF_BTF_INVALID`, which names the byte. */
export function readBtf(bytes: Uint8Array): Btf {
  const cursor = startOf(bytes);
  const types: BtfType[] = [{ kind: 'void', name: '' }];
  while (cursor.at < cursor.end) types.push(readType(cursor));
  const byName = Map.groupBy(types.keys(), (id) => types[id]?.name ?? '');
  return new Btf({
    length: types.length,
    at: (id) => types[id],
    named: (name) => byName.get(name) ?? [],
  });
}

/**
 * Reads BTF type by type, when one is asked for: the kernel has more than a hundred thousand. Throws `BPF_BTF_INVALID`,
 * which names the byte, for what does not add up, also later.
 */
export function readBtfLazily(bytes: Uint8Array): Btf {
  const cursor = startOf(bytes);
  const offsets: number[] = [];
  const names: number[] = [];
  while (cursor.at < cursor.end) {
    offsets.push(cursor.at);
    names.push(cursor.reader.uint32(cursor.at));
    cursor.at += sizeOfType(cursor);
  }
  const { strings } = cursor;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).subarray(strings);
  return new Btf({
    length: offsets.length + 1,
    at: (id) => {
      if (id === 0) return { kind: 'void', name: '' };
      const at = offsets[id - 1];
      return at === undefined ? undefined : readType({ ...cursor, at });
    },
    *named(name) {
      // Each string stands in the table once, between zero bytes.
      const place = text.indexOf(`\0${name}\0`) + 1;
      if (place === 0) return;
      for (
        let index = names.indexOf(place);
        index !== -1;
        index = names.indexOf(place, index + 1)
      ) {
        yield index + 1;
      }
    },
  });
}

function startOf(bytes: Uint8Array): Cursor {
  const reader = new ByteReader(bytes, { name: 'BTF', code: 'BPF_BTF_INVALID' });
  if (reader.byteLength < headerBytes) reader.fail(0, `${reader.byteLength} bytes are no header`);
  if (reader.uint16(0) !== magic) reader.fail(0, 'it does not start with the mark of BTF');
  if (reader.uint8(2) !== 1) reader.fail(2, `version ${reader.uint8(2)} is not 1`);
  const base = reader.uint32(4);
  const start = base + reader.uint32(8);
  const end = start + reader.uint32(12);
  reader.slice(start, end - start);
  return { reader, strings: base + reader.uint32(16), at: start, end };
}

interface Cursor {
  readonly reader: ByteReader;
  readonly strings: number;
  readonly end: number;
  at: number;
}

interface TypeHeader {
  readonly at: number;
  readonly name: string;
  readonly flag: boolean;
  /** How many members, values or parameters follow. */
  readonly count: number;
  /** A size or the id of a type, by kind. */
  readonly word: number;
}

type KindReader = (cursor: Cursor, header: TypeHeader) => BtfType;

const kindReaders: readonly (KindReader | undefined)[] = [
  undefined,
  readInt,
  (_, { name, word }) => ({ kind: 'pointer', name, typeId: word }),
  readArray,
  (cursor, header) => readRecord(cursor, header, 'struct'),
  (cursor, header) => readRecord(cursor, header, 'union'),
  (cursor, header) => readEnum(cursor, header, 8),
  (_, { name }) => ({ kind: 'forward', name }),
  alias('typedef'),
  alias('volatile'),
  alias('const'),
  alias('restrict'),
  (_, { name, word }) => ({ kind: 'function', name, typeId: word }),
  (cursor, { name, count }) => skip(cursor, count * 8, { kind: 'prototype', name }),
  (cursor, { name, word }) => skip(cursor, 4, { kind: 'variable', name, typeId: word }),
  readSection,
  (_, { name, word }) => ({ kind: 'float', name, byteLength: word }),
  (cursor, { name }) => skip(cursor, 4, { kind: 'tag', name }),
  alias('type-tag'),
  (cursor, header) => readEnum(cursor, header, 12),
];

function readType(cursor: Cursor): BtfType {
  const { reader, at } = cursor;
  const description = reader.uint32(at + 4);
  const kind = (description >>> 24) & 0x1f;
  const header: TypeHeader = {
    at,
    name: nameAt(cursor, at),
    flag: description >>> 31 === 1,
    count: description & 0xffff,
    word: reader.uint32(at + 8),
  };
  cursor.at += typeHeaderBytes;
  const read = kindReaders[kind];
  if (read === undefined) return reader.fail(at, `kind ${kind} of a type is unknown`);
  return read(cursor, header);
}

/** Bytes that follow the header of a type, for each of its members and besides them, by kind. */
const bodyBytes: readonly (readonly [each: number, besides: number] | undefined)[] = [
  undefined,
  [0, 4],
  [0, 0],
  [0, 12],
  [12, 0],
  [12, 0],
  [8, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 0],
  [8, 0],
  [0, 4],
  [12, 0],
  [0, 0],
  [0, 4],
  [0, 0],
  [12, 0],
];

function sizeOfType({ reader, at }: Cursor): number {
  const description = reader.uint32(at + 4);
  const kind = (description >>> 24) & 0x1f;
  const body = bodyBytes[kind];
  if (body === undefined) return reader.fail(at, `kind ${kind} of a type is unknown`);
  const [each, besides] = body;
  return typeHeaderBytes + each * (description & 0xffff) + besides;
}

function nameAt(cursor: Cursor, at: number): string {
  return cursor.reader.text(cursor.strings + cursor.reader.uint32(at));
}

function alias(kind: BtfAliasKind): KindReader {
  return (_, { name, word }) => ({ kind, name, typeId: word });
}

function skip(cursor: Cursor, byteCount: number, type: BtfType): BtfType {
  cursor.reader.slice(cursor.at, byteCount);
  cursor.at += byteCount;
  return type;
}

function readInt(cursor: Cursor, { name, word }: TypeHeader): BtfType {
  const encoding = cursor.reader.uint32(cursor.at);
  return skip(cursor, 4, {
    kind: 'int',
    name,
    byteLength: word,
    bits: encoding & 0xff,
    isSigned: (encoding & (1 << 24)) !== 0,
    isBoolean: (encoding & (1 << 26)) !== 0,
  });
}

function readArray(cursor: Cursor, { name }: TypeHeader): BtfType {
  const { reader, at } = cursor;
  return skip(cursor, 12, {
    kind: 'array',
    name,
    typeId: reader.uint32(at),
    length: reader.uint32(at + 8),
  });
}

function readRecord(cursor: Cursor, header: TypeHeader, kind: 'struct' | 'union'): BtfType {
  const { reader, at } = cursor;
  const members = Array.from({ length: header.count }, (_, index) => {
    const memberAt = at + index * 12;
    const place = reader.uint32(memberAt + 8);
    return {
      name: nameAt(cursor, memberAt),
      typeId: reader.uint32(memberAt + 4),
      bitOffset: header.flag ? place & 0xffffff : place,
      bitFieldBits: header.flag ? place >>> 24 : 0,
    };
  });
  const type: BtfType = { kind, name: header.name, byteLength: header.word, members };
  return skip(cursor, header.count * 12, type);
}

function readEnum(cursor: Cursor, header: TypeHeader, entryBytes: 8 | 12): BtfType {
  const { reader, at } = cursor;
  const bits = entryBytes === 8 ? 32 : 64;
  const values = Array.from({ length: header.count }, (_, index) => {
    const valueAt = at + index * entryBytes;
    const high = entryBytes === 8 ? 0 : reader.uint32(valueAt + 8);
    const raw = (BigInt(high) << 32n) | BigInt(reader.uint32(valueAt + 4));
    const value = header.flag ? BigInt.asIntN(bits, raw) : raw;
    return { name: nameAt(cursor, valueAt), value };
  });
  return skip(cursor, header.count * entryBytes, {
    kind: 'enum',
    name: header.name,
    byteLength: header.word,
    isSigned: header.flag,
    values,
  });
}

function readSection(cursor: Cursor, { name, count }: TypeHeader): BtfType {
  const { reader, at } = cursor;
  const entries = Array.from({ length: count }, (_, index) => ({
    typeId: reader.uint32(at + index * 12),
    offset: reader.uint32(at + index * 12 + 4),
    byteLength: reader.uint32(at + index * 12 + 8),
  }));
  return skip(cursor, count * 12, { kind: 'section', name, entries });
}
