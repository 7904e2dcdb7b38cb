import { BpfError } from '../errors.ts';
import type { BtfAliasKind, BtfType, BtfTypeOf } from './btf-types.ts';

/** Types that stand for each other are followed this far; the kernel allows 32. */
const depthMax = 32;
const pointerBytes = 8;

/** Where types come from: an array of them, or bytes that are read when they are asked for. */
export interface BtfSource {
  readonly length: number;
  at(id: number): BtfType | undefined;
  /** Ids of the types that may have a name. */
  named(name: string): Iterable<number>;
}

/** The types of an object or of the kernel, by id. */
export class Btf {
  readonly #source: BtfSource;

  constructor(source: BtfSource) {
    this.#source = source;
  }

  /** How many types there are, with void. */
  get length(): number {
    return this.#source.length;
  }

  /** The type of an id. Throws `BPF_BTF_INVALID` where there is none. */
  type(id: number): BtfType {
    const type = this.#source.at(id);
    if (type === undefined) {
      throw invalid(`look up type ${id}: there are ${this.length}`);
    }
    return type;
  }

  /** The type that an id stands for, past type definitions and qualifiers. */
  resolve(id: number): BtfType {
    let type = this.type(id);
    for (let depth = 0; depth < depthMax; depth += 1) {
      if (!isAlias(type)) return type;
      type = this.type(type.typeId);
    }
    throw invalid(`resolve type ${id}: more than ${depthMax} types stand for each other`);
  }

  /** The first type of a name and kind. */
  find<Kind extends BtfType['kind']>(kind: Kind, name: string): BtfTypeOf<Kind> | undefined {
    const id = this.findId(kind, name);
    return id === undefined ? undefined : (this.type(id) as BtfTypeOf<Kind>);
  }

  /** The id of the first type of a name and kind. */
  findId(kind: BtfType['kind'], name: string): number | undefined {
    for (const id of this.#source.named(name)) {
      const type = this.type(id);
      if (type.kind === kind && type.name === name) return id;
    }
    return undefined;
  }

  /** How many bytes a value of a type takes. Throws `BPF_BTF_INVALID` for a type without values. */
  byteLength(id: number): number {
    return this.#byteLength(id, 0);
  }

  #byteLength(id: number, depth: number): number {
    if (depth > depthMax) throw invalid(`measure type ${id}: it nests past ${depthMax}`);
    const type = this.resolve(id);
    if (type.kind === 'pointer') return pointerBytes;
    if (type.kind === 'variable') return this.#byteLength(type.typeId, depth + 1);
    if (type.kind === 'array') return type.length * this.#byteLength(type.typeId, depth + 1);
    if ('byteLength' in type) return type.byteLength;
    throw invalid(`measure type ${id}: a ${type.kind} has no values`);
  }
}

type Alias = BtfTypeOf<BtfAliasKind>;

function isAlias(type: BtfType): type is Alias {
  return ['typedef', 'volatile', 'const', 'restrict', 'type-tag'].includes(type.kind);
}

function invalid(message: string): BpfError {
  return new BpfError(message, { code: 'BPF_BTF_INVALID' });
}
