import { closeSync, openSync, readSync } from 'node:fs';
import { messageOf } from '@millrace/stdx';
import { BpfError } from '../errors.ts';

/** ELF's numbers (elf.h), for 64-bit files. */
const header = { byteLength: 64, magic: 0x464c457f, sections: 40, sectionCount: 60 } as const;
const section = { byteLength: 64, type: 4, address: 16, offset: 24, size: 32, link: 40 } as const;
const symbolBytes = 24;
const tableTypes = new Set([2, 11]);
/** A table of a large program's symbols; what is larger is no table. */
const tableBytesMax = 1 << 29;

/**
 * Where a function begins in a program or library, in bytes from the start of the file, by its name in the file's symbol
 * tables. Throws `BPF_ELF_INVALID` for what is no 64-bit ELF file, and `BPF_ATTACH_FAILED` where no table has the name.
 */
export function symbolOffset(path: string, name: string): number {
  const fd = open(path);
  try {
    const head = read(fd, { path, offset: 0, byteLength: header.byteLength });
    if (head.readUInt32LE(0) !== header.magic || head[4] !== 2 || head[5] !== 1) {
      throw invalid(path, 'it is no 64-bit little-endian ELF file');
    }
    const table = read(fd, {
      path,
      offset: Number(head.readBigUInt64LE(header.sections)),
      byteLength: head.readUInt16LE(header.sectionCount) * section.byteLength,
    });
    const found = findInTables(fd, { path, table, name: Buffer.from(`${name}\0`) });
    if (found !== undefined) return found;
  } finally {
    closeSync(fd);
  }
  throw new BpfError(`find symbol "${name}" in ${path}: ENOENT, no symbol table has it`, {
    code: 'BPF_ATTACH_FAILED',
  });
}

interface Search {
  readonly path: string;
  readonly table: Buffer;
  readonly name: Buffer;
}

function findInTables(fd: number, search: Search): number | undefined {
  const { path, table } = search;
  for (let at = 0; at < table.byteLength; at += section.byteLength) {
    if (!tableTypes.has(table.readUInt32LE(at + section.type))) continue;
    const strings = table.readUInt32LE(at + section.link) * section.byteLength;
    if (strings + section.byteLength > table.byteLength)
      throw invalid(path, 'its symbols have no names');
    const value = findInTable({
      symbols: read(fd, { path, ...rangeOf(table, at) }),
      strings: read(fd, { path, ...rangeOf(table, strings) }),
      name: search.name,
    });
    if (value !== undefined) return toOffset(search, value);
  }
  return undefined;
}

interface SymbolValue {
  readonly address: bigint;
  readonly sectionIndex: number;
}

function findInTable({
  symbols,
  strings,
  name,
}: {
  readonly symbols: Buffer;
  readonly strings: Buffer;
  readonly name: Buffer;
}): SymbolValue | undefined {
  for (let at = 0; at + symbolBytes <= symbols.byteLength; at += symbolBytes) {
    const sectionIndex = symbols.readUInt16LE(at + 6);
    const start = symbols.readUInt32LE(at);
    // Index 0 is a symbol that another file has.
    if (sectionIndex === 0 || strings[start] !== name[0]) continue;
    const end = start + name.byteLength;
    if (end > strings.byteLength || strings.compare(name, 0, name.byteLength, start, end) !== 0)
      continue;
    return { address: symbols.readBigUInt64LE(at + 8), sectionIndex };
  }
  return undefined;
}

function toOffset({ path, table }: Search, { address, sectionIndex }: SymbolValue): number {
  const at = sectionIndex * section.byteLength;
  if (at + section.byteLength > table.byteLength)
    throw invalid(path, `it has no section ${sectionIndex}`);
  const base = table.readBigUInt64LE(at + section.address);
  return Number(address - base + table.readBigUInt64LE(at + section.offset));
}

function rangeOf(
  table: Buffer,
  at: number,
): { readonly offset: number; readonly byteLength: number } {
  return {
    offset: Number(table.readBigUInt64LE(at + section.offset)),
    byteLength: Number(table.readBigUInt64LE(at + section.size)),
  };
}

interface Range {
  readonly path: string;
  readonly offset: number;
  readonly byteLength: number;
}

function read(fd: number, { path, offset, byteLength }: Range): Buffer {
  if (byteLength > tableBytesMax)
    throw invalid(path, `a table of ${byteLength} bytes is too large`);
  const bytes = Buffer.alloc(byteLength);
  if (readSync(fd, bytes, { position: offset }) < byteLength) {
    throw invalid(path, `it ends before byte ${offset + byteLength}`);
  }
  return bytes;
}

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new BpfError(`look for symbols in ${path}: ${messageOf(cause)}`, {
      code: 'BPF_ATTACH_FAILED',
      cause,
    });
  }
}

function invalid(path: string, what: string): BpfError {
  return new BpfError(`look for symbols in ${path}: ${what}`, { code: 'BPF_ELF_INVALID' });
}
