import type { Btf } from '../btf/btf.ts';
import type { BtfType } from '../btf/btf-types.ts';
import type { ObjectSpec, ProgramSpec } from '../spec/object-spec.ts';
import type { TypeUse } from '../spec/relocations.ts';

/** Something that a program needs and the kernel does not have, in words. */
export type Lack = string;

const depthMax = 16;

/**
 * What a program needs of the kernel's types and does not find there. What it asks about itself, by
 * `bpf_core_field_exists` and the like, it can do without.
 */
export function lacksOf(program: ProgramSpec, kernel: Btf): readonly Lack[] {
  const asked = new Set(program.typeUses.filter(({ isQuestion }) => isQuestion).map(nameOf));
  const lacks = program.typeUses
    .filter((use) => !use.isQuestion && !asked.has(nameOf(use)) && !asked.has(use.typeName))
    .filter((use) => !hasUse(kernel, use))
    .map((use) => `${use.typeKind} ${nameOf(use)}`);
  return [...new Set([...targetLacks(program, kernel), ...lacks])];
}

/** The functions that an object calls without being able to do without, and that the kernel does not have. */
export function functionLacksOf({ programs }: ObjectSpec, kernel: Btf): readonly Lack[] {
  const names = new Set(programs.flatMap(({ kernelFunctions }) => kernelFunctions));
  return [...names].filter((name) => kernel.find('function', name) === undefined);
}

/** Whether telling needs the kernel's types at all. */
export function needsKernelTypes({ kind, target, typeUses }: ProgramSpec): boolean {
  return typeUses.length > 0 || (targetKinds.has(kind) && target !== '');
}

const targetKinds: ReadonlySet<string> = new Set(['btf-tracepoint', 'fentry', 'fexit', 'iterator']);

function targetLacks({ kind, target }: ProgramSpec, kernel: Btf): readonly Lack[] {
  if (target === '') return [];
  if (kind === 'btf-tracepoint') {
    return kernel.find('typedef', `btf_trace_${target}`) === undefined
      ? [`tracepoint ${target}`]
      : [];
  }
  if (kind === 'fentry' || kind === 'fexit') {
    return kernel.find('function', target) === undefined ? [`function ${target}`] : [];
  }
  if (kind === 'iterator') {
    return kernel.find('function', `bpf_iter_${target}`) === undefined
      ? [`iterator ${target}`]
      : [];
  }
  return [];
}

function nameOf({ typeName, path }: TypeUse): string {
  return [typeName, ...path].join('.');
}

function hasUse(kernel: Btf, { typeKind, typeName, path }: TypeUse): boolean {
  if (typeName === '') return true;
  const type = kernel.find(typeKind, typeName);
  if (type === undefined) return false;
  if (path.length === 0) return true;
  if (type.kind === 'enum') return type.values.some(({ name }) => name === path[0]);
  return hasPath(kernel, type, path);
}

function hasPath(kernel: Btf, from: BtfType, path: readonly string[]): boolean {
  const [name, ...rest] = path;
  if (name === undefined) return true;
  const type = from.kind === 'array' ? kernel.resolve(from.typeId) : from;
  const found = memberType(kernel, type, { name, depth: 0 });
  return found !== undefined && hasPath(kernel, found, rest);
}

/** The type of a member, also of one inside members without a name. */
function memberType(
  kernel: Btf,
  type: BtfType,
  { name, depth }: { readonly name: string; readonly depth: number },
): BtfType | undefined {
  if ((type.kind !== 'struct' && type.kind !== 'union') || depth > depthMax) return undefined;
  for (const member of type.members) {
    if (member.name === name) return kernel.resolve(member.typeId);
    if (member.name !== '') continue;
    const inner = memberType(kernel, kernel.resolve(member.typeId), { name, depth: depth + 1 });
    if (inner !== undefined) return inner;
  }
  return undefined;
}
