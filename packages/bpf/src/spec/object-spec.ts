import type { Btf } from '../btf/btf.ts';
import { readBtf } from '../btf/read-btf.ts';
import { type ElfFile, type ElfSection, type ElfSymbol, readElf } from '../elf/elf-file.ts';
import { BpfError } from '../errors.ts';
import { type ConstantSpec, readConstants } from './constants.ts';
import { type MapSpec, readMaps } from './maps.ts';
import { type ProgramKind, programKindOf } from './program-kind.ts';
import { readTypeUses, type TypeUse } from './relocations.ts';

/** A program of an object, as its section describes it. */
export interface ProgramSpec {
  readonly name: string;
  /** The section it stands in, which says what it attaches to: `raw_tp/sys_enter`. */
  readonly section: string;
  readonly kind: ProgramKind;
  /** What follows the kind in the section's name; empty where nothing does. */
  readonly target: string;
  readonly byteLength: number;
  /** Names of the maps that it, or a function that it may call, uses. */
  readonly maps: readonly string[];
  /** What it reads of the kernel's types. */
  readonly typeUses: readonly TypeUse[];
  /** Names of functions of the kernel that it calls and cannot do without. */
  readonly kernelFunctions: readonly string[];
}

/** An object file as plain data: read without privileges, before the kernel is asked for anything. */
export interface ObjectSpec {
  /** The very bytes that were read, so that the bytes that were checked are the ones that are loaded. */
  readonly bytes: Uint8Array;
  readonly license: string;
  readonly programs: readonly ProgramSpec[];
  readonly maps: readonly MapSpec[];
  /** Global constants, which can be given values before the object is loaded. */
  readonly constants: readonly ConstantSpec[];
  readonly btf: Btf;
}

/** ELF's number for eBPF (elf.h, EM_BPF). */
const bpfMachine = 247;

/**
 * Reads an object that clang made for eBPF. Throws `BPF_ELF_INVALID`, `BPF_BTF_INVALID` or `BPF_OBJECT_INVALID`,
 * each with what is wrong and where.
 */
export function readObjectSpec(bytes: Uint8Array): ObjectSpec {
  const elf = readElf(bytes);
  if (elf.machine !== bpfMachine) {
    throw invalid(`it is for machine ${elf.machine}, not ${bpfMachine} (eBPF)`);
  }
  const btfSection = sectionOf(elf, '.BTF');
  if (btfSection === undefined) throw invalid('it has no section ".BTF"; compile it with -g');
  const btf = readBtf(btfSection.bytes);
  const extension = sectionOf(elf, '.BTF.ext');
  const typeUses =
    extension === undefined ? [] : readTypeUses(extension.bytes, btfSection.bytes, btf);
  return {
    bytes,
    license: readLicense(sectionOf(elf, 'license')),
    programs: readPrograms(elf, { btf, typeUses }),
    maps: readMaps(btf),
    constants: readConstants(elf, btf),
    btf,
  };
}

function sectionOf(elf: ElfFile, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name);
}

function readLicense(section: ElfSection | undefined): string {
  if (section === undefined) return '';
  const text = Buffer.from(section.bytes).toString('utf8');
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}

interface Types {
  readonly btf: Btf;
  readonly typeUses: readonly TypeUse[];
}

function readPrograms(elf: ElfFile, { btf, typeUses }: Types): readonly ProgramSpec[] {
  return elf.symbols.flatMap((symbol) => {
    const section = elf.sections[symbol.sectionIndex];
    // Functions in .text are called by programs; they are none themselves.
    if (symbol.kind !== 'function' || section?.isExecutable !== true) return [];
    if (section.name === '.text') return [];
    const isOwn = (offset: number): boolean =>
      offset >= symbol.value && offset < symbol.value + symbol.byteLength;
    return [
      {
        name: symbol.name,
        section: section.name,
        ...programKindOf(section.name),
        byteLength: symbol.byteLength,
        ...relocatedOf(elf, { btf, section, isOwn }),
        typeUses: typeUses.filter((use) => use.section === section.name && isOwn(use.offset)),
      },
    ];
  });
}

interface ProgramPlace {
  readonly btf: Btf;
  readonly section: ElfSection;
  readonly isOwn: (offset: number) => boolean;
}

function relocatedOf(
  elf: ElfFile,
  { btf, section, isOwn }: ProgramPlace,
): Pick<ProgramSpec, 'maps' | 'kernelFunctions'> {
  const symbols = elf.relocations.flatMap(({ sectionIndex, offset, symbol }) => {
    // Which programs call a function of .text is not followed: each may.
    const isShared = elf.sections[sectionIndex]?.name === '.text';
    return isShared || (sectionIndex === section.index && isOwn(offset)) ? [symbol] : [];
  });
  const isMap = ({ sectionIndex }: ElfSymbol): boolean =>
    elf.sections[sectionIndex]?.name === '.maps';
  const isNeeded = ({ sectionIndex, name, isWeak }: ElfSymbol): boolean =>
    sectionIndex === 0 && name !== '' && !isWeak && btf.find('function', name) !== undefined;
  return {
    maps: [...new Set(symbols.filter(isMap).map(({ name }) => name))],
    kernelFunctions: [...new Set(symbols.filter(isNeeded).map(({ name }) => name))],
  };
}

function invalid(what: string): BpfError {
  return new BpfError(`read eBPF object: ${what}`, { code: 'BPF_OBJECT_INVALID' });
}
