import { ByteReader } from './byte-reader.ts';

/** A section of an ELF file; `bytes` is empty where the file holds none (`.bss`). */
export interface ElfSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly isExecutable: boolean;
  readonly byteLength: number;
  readonly bytes: Uint8Array;
}

/** A place in a section that stands for a symbol. */
export interface ElfRelocation {
  readonly sectionIndex: number;
  readonly offset: number;
  readonly symbol: ElfSymbol;
}

export type ElfSymbolKind = 'function' | 'object' | 'section' | 'other';

/** A symbol of an ELF file. */
export interface ElfSymbol {
  readonly name: string;
  readonly kind: ElfSymbolKind;
  /** A weak symbol may stay without a definition. */
  readonly isWeak: boolean;
  readonly sectionIndex: number;
  readonly value: number;
  readonly byteLength: number;
}

/** A 64-bit little-endian ELF file, taken apart. */
export interface ElfFile {
  readonly machine: number;
  readonly sections: readonly ElfSection[];
  readonly symbols: readonly ElfSymbol[];
  readonly relocations: readonly ElfRelocation[];
}

/** ELF's numbers (elf.h). */
const magic = 0x464c457f;
const headerBytes = 64;
const sectionHeaderBytes = 64;
const symbolBytes = 24;
const symbolTableType = 2;
const weakBinding = 2;
const relocationType = 9;
const relocationBytes = 16;
const noBitsType = 8;
const executableFlag = 4;
const symbolKinds: readonly ElfSymbolKind[] = ['other', 'object', 'function', 'section'];

/** Takes an ELF file apart without copying it. Throws `BPF_ELF_INVALID`, which names the byte. */
export function readElf(bytes: Uint8Array): ElfFile {
  const reader = new ByteReader(bytes, { name: 'ELF file', code: 'BPF_ELF_INVALID' });
  if (reader.byteLength < headerBytes) {
    reader.fail(0, `${reader.byteLength} bytes are less than its header of ${headerBytes}`);
  }
  if (reader.uint32(0) !== magic) reader.fail(0, 'it does not start with the mark of ELF');
  if (reader.uint8(4) !== 2) reader.fail(4, `class ${reader.uint8(4)} is not 64-bit`);
  if (reader.uint8(5) !== 1) reader.fail(5, `byte order ${reader.uint8(5)} is not little-endian`);
  const headers = readSectionHeaders(reader);
  const sections = nameSections(reader, headers);
  const symbols = headers.flatMap((header) =>
    header.type === symbolTableType ? readSymbols(reader, header, headers) : [],
  );
  return {
    machine: reader.uint16(18),
    sections,
    symbols,
    relocations: headers.flatMap((header) =>
      header.type === relocationType ? readRelocations(reader, header, symbols) : [],
    ),
  };
}

interface SectionHeader {
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly link: number;
  readonly about: number;
}

function readSectionHeaders(reader: ByteReader): readonly SectionHeader[] {
  const tableOffset = reader.offset64(40);
  const entryBytes = reader.uint16(58);
  const count = reader.uint16(60);
  if (count > 0 && entryBytes !== sectionHeaderBytes) {
    reader.fail(58, `section headers have ${entryBytes} bytes, not ${sectionHeaderBytes}`);
  }
  return Array.from({ length: count }, (_, index) => {
    const at = tableOffset + index * entryBytes;
    return {
      nameOffset: reader.uint32(at),
      type: reader.uint32(at + 4),
      flags: reader.offset64(at + 8),
      offset: reader.offset64(at + 24),
      byteLength: reader.offset64(at + 32),
      link: reader.uint32(at + 40),
      about: reader.uint32(at + 44),
    };
  });
}

function nameSections(
  reader: ByteReader,
  headers: readonly SectionHeader[],
): readonly ElfSection[] {
  const names = headers[reader.uint16(62)];
  return headers.map((header, index) => ({
    index,
    name: names === undefined ? '' : stringAt(reader, names, header.nameOffset),
    type: header.type,
    isExecutable: (header.flags & executableFlag) !== 0,
    byteLength: header.byteLength,
    bytes:
      header.type === noBitsType || header.type === 0
        ? new Uint8Array(0)
        : reader.slice(header.offset, header.byteLength),
  }));
}

function readRelocations(
  reader: ByteReader,
  table: SectionHeader,
  symbols: readonly ElfSymbol[],
): readonly ElfRelocation[] {
  reader.slice(table.offset, table.byteLength);
  const count = Math.floor(table.byteLength / relocationBytes);
  return Array.from({ length: count }, (_, index) => {
    const at = table.offset + index * relocationBytes;
    const symbolIndex = reader.uint32(at + 12);
    const symbol = symbols[symbolIndex];
    if (symbol === undefined) reader.fail(at + 12, `symbol ${symbolIndex} is past its table`);
    return { sectionIndex: table.about, offset: reader.offset64(at), symbol };
  });
}

function readSymbols(
  reader: ByteReader,
  table: SectionHeader,
  headers: readonly SectionHeader[],
): readonly ElfSymbol[] {
  const names = headers[table.link];
  if (names === undefined) reader.fail(table.offset, `symbols name section ${table.link}`);
  reader.slice(table.offset, table.byteLength);
  const count = Math.floor(table.byteLength / symbolBytes);
  return Array.from({ length: count }, (_, index) => {
    const at = table.offset + index * symbolBytes;
    return {
      name: stringAt(reader, names, reader.uint32(at)),
      kind: symbolKinds[reader.uint8(at + 4) & 0xf] ?? 'other',
      isWeak: reader.uint8(at + 4) >>> 4 === weakBinding,
      sectionIndex: reader.uint16(at + 6),
      value: reader.offset64(at + 8),
      byteLength: reader.offset64(at + 16),
    };
  });
}

function stringAt(reader: ByteReader, table: SectionHeader, offset: number): string {
  if (offset >= table.byteLength) {
    return offset === 0 ? '' : reader.fail(table.offset, `string ${offset} is past its table`);
  }
  return reader.text(table.offset + offset);
}
