export { Btf } from './btf/btf.ts';
export type {
  BtfAliasKind,
  BtfEnumValue,
  BtfMember,
  BtfSectionEntry,
  BtfType,
  BtfTypeOf,
} from './btf/btf-types.ts';
export { readBtf } from './btf/read-btf.ts';
export {
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  type ElfSymbolKind,
  readElf,
} from './elf/elf-file.ts';
export { BpfError, type BpfErrorCode } from './errors.ts';
export { type Feature, probeFeatures } from './features/probe-features.ts';
export {
  keyIdOf,
  type Provenance,
  signObject,
  verifyObject,
  type VerifyOptions,
} from './signing/signature.ts';
export type { ConstantSpec } from './spec/constants.ts';
export type { MapSpec } from './spec/maps.ts';
export { type ObjectSpec, type ProgramSpec, readObjectSpec } from './spec/object-spec.ts';
export type { ProgramKind } from './spec/program-kind.ts';
