import type { Btf } from '../btf/btf.ts';
import type { BtfMember } from '../btf/btf-types.ts';
import { BpfError } from '../errors.ts';

/** A map as an object declares it. Ids of types are 0 where the object names none. */
export interface MapSpec {
  readonly name: string;
  /** The kernel's number (linux/bpf.h, enum bpf_map_type). */
  readonly type: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly entriesMax: number;
  readonly flags: number;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
}

/** Reads what section `.maps` declares; each map is a structure whose members' types are the settings. */
export function readMaps(btf: Btf): readonly MapSpec[] {
  const section = btf.find('section', '.maps');
  return (section?.entries ?? []).map((entry) => {
    const variable = btf.type(entry.typeId);
    if (variable.kind !== 'variable') throw invalid(variable.name, `it is a ${variable.kind}`);
    const type = btf.resolve(variable.typeId);
    if (type.kind !== 'struct') throw invalid(variable.name, `its type is a ${type.kind}`);
    return readMap(btf, variable.name, type.members);
  });
}

function readMap(btf: Btf, name: string, members: readonly BtfMember[]): MapSpec {
  const pointee = (setting: string): number => {
    const member = members.find((candidate) => candidate.name === setting);
    if (member === undefined) return 0;
    const type = btf.resolve(member.typeId);
    if (type.kind !== 'pointer') throw invalid(name, `setting "${setting}" is a ${type.kind}`);
    return type.typeId;
  };
  const number = (setting: string): number => {
    const id = pointee(setting);
    if (id === 0) return 0;
    const type = btf.resolve(id);
    if (type.kind !== 'array') throw invalid(name, `setting "${setting}" points to a ${type.kind}`);
    return type.length;
  };
  const keyTypeId = pointee('key');
  const valueTypeId = pointee('value');
  return {
    name,
    type: number('type'),
    keyBytes: keyTypeId === 0 ? number('key_size') : btf.byteLength(keyTypeId),
    valueBytes: valueTypeId === 0 ? number('value_size') : btf.byteLength(valueTypeId),
    entriesMax: number('max_entries'),
    flags: number('map_flags'),
    keyTypeId,
    valueTypeId,
  };
}

function invalid(name: string, what: string): BpfError {
  return new BpfError(`read map "${name}": ${what}`, { code: 'BPF_OBJECT_INVALID' });
}
