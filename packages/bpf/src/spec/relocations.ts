import type { Btf } from '../btf/btf.ts';
import type { BtfType } from '../btf/btf-types.ts';
import { ByteReader } from '../elf/byte-reader.ts';

/** What a program reads of a type of the kernel, to be placed when it is loaded (CO-RE). */
export interface TypeUse {
  readonly section: string;
  /** Byte of the instruction in its section. */
  readonly offset: number;
  readonly typeKind: BtfType['kind'];
  readonly typeName: string;
  /** Names of members from the type inwards; one name of a value for enumerations; empty for the type itself. */
  readonly path: readonly string[];
  /** True: the program asks whether it exists, and can do without. */
  readonly isQuestion: boolean;
}

/** Layout of section `.BTF.ext` (linux/btf.h, and struct bpf_core_relo of linux/bpf.h). */
const layout = {
  headerOffset: 4,
  relocationsOffset: 24,
  headerBytesMin: 32,
  sectionBytes: 8,
  recordBytes: 16,
} as const;
/** linux/bpf.h, enum bpf_core_relo_kind. */
const [fieldExists, typeIdLocal, typeExists, enumValueExists, enumValue] = [
  2, 6, 8, 10, 11,
] as const;

/** Reads what an object's programs use of the kernel's types. Throws `BPF_BTF_INVALID`, which names the byte. */
export function readTypeUses(
  extension: Uint8Array,
  section: Uint8Array,
  btf: Btf,
): readonly TypeUse[] {
  const reader = new ByteReader(extension, { name: '.BTF.ext', code: 'BPF_BTF_INVALID' });
  const types = new ByteReader(section, { name: '.BTF', code: 'BPF_BTF_INVALID' });
  const base = reader.uint32(layout.headerOffset);
  if (base < layout.headerBytesMin) return [];
  const start = base + reader.uint32(layout.relocationsOffset);
  const byteLength = reader.uint32(layout.relocationsOffset + 4);
  if (byteLength === 0) return [];
  const strings = types.uint32(4) + types.uint32(16);
  const text = (offset: number): string => types.text(strings + offset);
  const recordBytes = reader.uint32(start);
  if (recordBytes < layout.recordBytes)
    reader.fail(start, `records of ${recordBytes} bytes are too short`);
  const uses: TypeUse[] = [];
  for (let at = start + 4; at < start + byteLength;) {
    const name = text(reader.uint32(at));
    const count = reader.uint32(at + 4);
    at += layout.sectionBytes;
    reader.slice(at, count * recordBytes);
    for (let index = 0; index < count; index += 1, at += recordBytes) {
      const use = readUse(btf, {
        section: name,
        offset: reader.uint32(at),
        typeId: reader.uint32(at + 4),
        access: text(reader.uint32(at + 8)),
        kind: reader.uint32(at + 12),
      });
      if (use !== undefined) uses.push(use);
    }
  }
  return uses;
}

interface Relocation {
  readonly section: string;
  readonly offset: number;
  readonly typeId: number;
  /** Indices of members, with `:` between; the first one stands for the type itself. */
  readonly access: string;
  readonly kind: number;
}

function readUse(
  btf: Btf,
  { section, offset, typeId, access, kind }: Relocation,
): TypeUse | undefined {
  if (kind === typeIdLocal) return undefined;
  const type = btf.resolve(typeId);
  const indices = access.split(':').map(Number);
  const isQuestion = kind === fieldExists || kind === typeExists || kind === enumValueExists;
  const use = {
    section,
    offset,
    typeKind: type.kind,
    typeName: essentialName(type.name),
    isQuestion,
  };
  if (kind === enumValueExists || kind === enumValue) {
    const value = type.kind === 'enum' ? type.values[indices[0] ?? 0]?.name : undefined;
    return { ...use, path: value === undefined ? [] : [essentialName(value)] };
  }
  if (kind >= typeIdLocal) return { ...use, path: [] };
  return { ...use, path: memberNames(btf, type, indices.slice(1)) };
}

function memberNames(btf: Btf, root: BtfType, indices: readonly number[]): readonly string[] {
  const names: string[] = [];
  let type = root;
  for (const index of indices) {
    if (type.kind === 'array') type = btf.resolve(type.typeId);
    else if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[index];
      if (member === undefined) return names;
      if (member.name !== '') names.push(member.name);
      type = btf.resolve(member.typeId);
    } else return names;
  }
  return names;
}

/** `task_struct___old` stands for the kernel's `task_struct` (libbpf, "flavors"). */
function essentialName(name: string): string {
  return name.replace(/___.*$/, '');
}
