import type { Btf } from '../btf/btf.ts';
import { BpfError } from '../errors.ts';
import type { ConstantSpec } from '../spec/constants.ts';
import type { ObjectSpec } from '../spec/object-spec.ts';

/** A value for a global constant; an array's elements in their order, the rest zero. */
export type ConstantValue = number | bigint | boolean | readonly (number | bigint)[];

interface Element {
  readonly byteLength: number;
  readonly isSigned: boolean;
}

/** Writes constants to where section `.rodata` holds them. Throws `BPF_CONSTANT_INVALID`, before anything is written. */
export function writeConstants(
  spec: ObjectSpec,
  values: Readonly<Record<string, ConstantValue>>,
  rodata: Uint8Array,
): void {
  const writes = Object.entries(values).map(([name, value]) => {
    const constant = spec.constants.find((candidate) => candidate.name === name);
    if (constant === undefined) {
      const known = spec.constants.map((candidate) => candidate.name).join(', ');
      throw invalid(`set constant "${name}": the object has none of that name; it has: ${known}`);
    }
    return { constant, bytes: encodeConstant(spec.btf, constant, value) };
  });
  for (const { constant, bytes } of writes) rodata.set(bytes, constant.offset);
}

/** The bytes of a constant, little-endian, as long as the constant is. */
export function encodeConstant(btf: Btf, constant: ConstantSpec, value: ConstantValue): Uint8Array {
  const bytes = new Uint8Array(constant.byteLength);
  const view = new DataView(bytes.buffer);
  const type = btf.resolve(constant.typeId);
  const elements = typeof value === 'object' ? value : [value];
  const isArray = type.kind === 'array';
  if (isArray !== (typeof value === 'object')) {
    throw invalid(`set constant "${constant.name}": it is ${isArray ? 'an' : 'no'} array`);
  }
  const element = elementOf(btf, constant, isArray ? type.typeId : constant.typeId);
  if (elements.length * element.byteLength > bytes.byteLength) {
    throw invalid(
      `set constant "${constant.name}": ${elements.length} elements exceed ` +
        `${bytes.byteLength / element.byteLength}`,
    );
  }
  for (const [index, item] of elements.entries()) {
    writeInteger(view, index * element.byteLength, {
      name: constant.name,
      value: toInteger(constant.name, item),
      element,
    });
  }
  return bytes;
}

function elementOf(btf: Btf, constant: ConstantSpec, typeId: number): Element {
  const type = btf.resolve(typeId);
  if (type.kind === 'int' || type.kind === 'enum') {
    return { byteLength: type.byteLength, isSigned: type.isSigned };
  }
  throw invalid(`set constant "${constant.name}": it is a ${type.kind}, not an integer`);
}

function toInteger(name: string, value: number | bigint | boolean): bigint {
  if (typeof value === 'number' && !Number.isInteger(value)) {
    throw invalid(`set constant "${name}": ${value} is no integer`);
  }
  return BigInt(value);
}

interface IntegerWrite {
  readonly name: string;
  readonly value: bigint;
  readonly element: Element;
}

function writeInteger(
  view: DataView,
  offset: number,
  { name, value, element }: IntegerWrite,
): void {
  const bits = element.byteLength * 8;
  const fitted = element.isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  if (fitted !== value) {
    const sign = element.isSigned ? 'a signed' : 'an unsigned';
    throw invalid(`set constant "${name}": ${value} does not fit ${sign} integer of ${bits} bits`);
  }
  for (let index = 0; index < element.byteLength; index += 1) {
    view.setUint8(offset + index, Number((fitted >> BigInt(index * 8)) & 0xffn));
  }
}

function invalid(message: string): BpfError {
  return new BpfError(message, { code: 'BPF_CONSTANT_INVALID' });
}
