import type { Btf } from '../btf/btf.ts';
import type { ElfFile } from '../elf/elf-file.ts';
import { BpfError } from '../errors.ts';

/** A global constant of an object. */
export interface ConstantSpec {
  readonly name: string;
  /** Where it stands in section `.rodata`. */
  readonly offset: number;
  readonly byteLength: number;
  readonly typeId: number;
}

const sectionName = '.rodata';

/** Reads the global constants; their places come from the symbols, which BTF leaves open. */
export function readConstants(elf: ElfFile, btf: Btf): readonly ConstantSpec[] {
  const entries = btf.find('section', sectionName)?.entries ?? [];
  return entries.map((entry) => {
    const variable = btf.type(entry.typeId);
    if (variable.kind !== 'variable') {
      throw invalid(`read constants: section ${sectionName} names a ${variable.kind}`);
    }
    const symbol = elf.symbols.find(
      ({ name, kind, sectionIndex }) =>
        kind === 'object' &&
        name === variable.name &&
        elf.sections[sectionIndex]?.name === sectionName,
    );
    if (symbol === undefined) throw invalid(`read constant "${variable.name}": it has no symbol`);
    return {
      name: variable.name,
      offset: symbol.value,
      byteLength: entry.byteLength,
      typeId: variable.typeId,
    };
  });
}

function invalid(message: string): BpfError {
  return new BpfError(message, { code: 'BPF_OBJECT_INVALID' });
}
