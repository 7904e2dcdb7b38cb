import type { Btf } from '../btf/btf.ts';
import type { BtfMember, BtfType, BtfTypeOf } from '../btf/btf-types.ts';
import { BpfError } from '../errors.ts';

/** A field of a structure, nested ones taken apart, placed from the structure's start. */
export interface Field {
  /** Names from the outermost structure inwards. */
  readonly path: readonly string[];
  readonly offset: number;
  readonly shape: Shape;
  /** How often it stands there, `byteLength` apart; absent where it is no array. */
  readonly length?: number;
}

/** How a field's bytes are read. */
export type Shape =
  | {
      readonly kind: 'integer';
      readonly byteLength: 1 | 2 | 4 | 8;
      readonly isSigned: boolean;
      readonly isBoolean: boolean;
    }
  | { readonly kind: 'float'; readonly byteLength: 4 | 8 }
  | { readonly kind: 'text' | 'bytes'; readonly byteLength: 1 }
  | { readonly kind: 'struct'; readonly byteLength: number; readonly name: string }
  | {
      readonly kind: 'bits';
      readonly byteLength: 1 | 2 | 4;
      readonly shift: number;
      readonly bits: number;
    };

type Composite = BtfTypeOf<'struct' | 'union'>;
const depthMax = 16;

/** The fields of a structure in their order. Throws `BPF_BTF_INVALID` for what has no decoder, by its path. */
export function fieldsOf(btf: Btf, type: Composite): readonly Field[] {
  return memberFields(btf, type, { path: [], offset: 0 });
}

interface Place {
  readonly path: readonly string[];
  readonly offset: number;
}

function memberFields(btf: Btf, type: Composite, place: Place): readonly Field[] {
  if (place.path.length > depthMax) throw invalid(place.path, `it nests past ${depthMax}`);
  return type.members.flatMap((member) => fieldsOfMember(btf, member, place));
}

function fieldsOfMember(btf: Btf, member: BtfMember, place: Place): readonly Field[] {
  const path = member.name === '' ? place.path : [...place.path, member.name];
  if (member.bitFieldBits > 0) return [bitField(btf, member, { ...place, path })];
  const offset = place.offset + member.bitOffset / 8;
  const type = btf.resolve(member.typeId);
  if (type.kind === 'struct' || type.kind === 'union') {
    return memberFields(btf, type, { path, offset });
  }
  if (type.kind !== 'array') return [{ path, offset, shape: shapeOf(type, path) }];
  const { typeId, length } = flatten(btf, type);
  const element = btf.resolve(typeId);
  if (element.kind === 'int' && element.byteLength === 1 && !element.isBoolean) {
    const kind = element.name === 'char' ? 'text' : 'bytes';
    return [{ path, offset, shape: { kind, byteLength: 1 }, length }];
  }
  if (element.kind === 'struct' || element.kind === 'union') {
    const { byteLength, name } = element;
    return [{ path, offset, shape: { kind: 'struct', byteLength, name }, length }];
  }
  return [{ path, offset, shape: shapeOf(element, path), length }];
}

/** An array of arrays is one of their product. */
function flatten(
  btf: Btf,
  array: BtfTypeOf<'array'>,
): { readonly typeId: number; readonly length: number } {
  let { typeId, length } = array;
  for (let depth = 0; depth < depthMax; depth += 1) {
    const inner = btf.resolve(typeId);
    if (inner.kind !== 'array') break;
    typeId = inner.typeId;
    length *= inner.length;
  }
  return { typeId, length };
}

function shapeOf(type: BtfType, path: readonly string[]): Shape {
  if (type.kind === 'pointer')
    return { kind: 'integer', byteLength: 8, isSigned: false, isBoolean: false };
  if (type.kind === 'float' && (type.byteLength === 4 || type.byteLength === 8)) {
    return { kind: 'float', byteLength: type.byteLength };
  }
  if (type.kind === 'int' || type.kind === 'enum') {
    const { byteLength, isSigned } = type;
    const isBoolean = type.kind === 'int' && type.isBoolean;
    if (byteLength === 1 || byteLength === 2 || byteLength === 4 || byteLength === 8) {
      return { kind: 'integer', byteLength, isSigned, isBoolean };
    }
  }
  throw invalid(path, `a ${type.kind} of this size has no decoder`);
}

/** The smallest aligned word that holds the bits. */
function bitField(btf: Btf, member: BtfMember, { path, offset }: Place): Field {
  const type = btf.resolve(member.typeId);
  if (type.kind === 'int' && type.isSigned)
    throw invalid(path, 'a signed bit field has no decoder');
  for (const byteLength of [1, 2, 4] as const) {
    const word = byteLength * 8;
    const at = Math.floor(member.bitOffset / word) * word;
    const shift = member.bitOffset - at;
    if (shift + member.bitFieldBits > word) continue;
    return {
      path,
      offset: offset + at / 8,
      shape: { kind: 'bits', byteLength, shift, bits: member.bitFieldBits },
    };
  }
  throw invalid(
    path,
    `a bit field of ${member.bitFieldBits} bits that crosses a word has no decoder`,
  );
}

function invalid(path: readonly string[], what: string): BpfError {
  return new BpfError(`decode field "${path.join('.')}": ${what}`, { code: 'BPF_BTF_INVALID' });
}
