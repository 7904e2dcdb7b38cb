/** A member of a structure or union, placed in bits because members may be bit fields. */
export interface BtfMember {
  readonly name: string;
  readonly typeId: number;
  readonly bitOffset: number;
  /** 0 where the member is no bit field. */
  readonly bitFieldBits: number;
}

/** A variable's place in a section. */
export interface BtfSectionEntry {
  readonly typeId: number;
  readonly offset: number;
  readonly byteLength: number;
}

/** A name and its value in an enumeration. */
export interface BtfEnumValue {
  readonly name: string;
  readonly value: bigint;
}

/** Kinds of types that only stand for another one. */
export type BtfAliasKind = 'typedef' | 'volatile' | 'const' | 'restrict' | 'type-tag';

/** A type as BTF describes it; types name each other by id, 0 being void. */
export type BtfType =
  | { readonly kind: 'void'; readonly name: '' }
  | {
      readonly kind: 'int';
      readonly name: string;
      readonly byteLength: number;
      readonly bits: number;
      readonly isSigned: boolean;
      readonly isBoolean: boolean;
    }
  | { readonly kind: 'float'; readonly name: string; readonly byteLength: number }
  | { readonly kind: 'pointer'; readonly name: string; readonly typeId: number }
  | {
      readonly kind: 'array';
      readonly name: string;
      readonly typeId: number;
      readonly length: number;
    }
  | {
      readonly kind: 'struct' | 'union';
      readonly name: string;
      readonly byteLength: number;
      readonly members: readonly BtfMember[];
    }
  | {
      readonly kind: 'enum';
      readonly name: string;
      readonly byteLength: number;
      readonly isSigned: boolean;
      readonly values: readonly BtfEnumValue[];
    }
  | { readonly kind: BtfAliasKind; readonly name: string; readonly typeId: number }
  | { readonly kind: 'variable' | 'function'; readonly name: string; readonly typeId: number }
  | {
      readonly kind: 'section';
      readonly name: string;
      readonly entries: readonly BtfSectionEntry[];
    }
  | { readonly kind: 'forward' | 'prototype' | 'tag'; readonly name: string };

/** The types of one kind. */
export type BtfTypeOf<Kind extends BtfType['kind'], Type = BtfType> = Type extends {
  readonly kind: infer Own;
}
  ? Kind extends Own
    ? Type
    : never
  : never;
