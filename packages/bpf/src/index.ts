export { Btf } from './btf/btf.ts';
export type {
  BtfAliasKind,
  BtfEnumValue,
  BtfMember,
  BtfSectionEntry,
  BtfType,
  BtfTypeOf,
} from './btf/btf-types.ts';
export { readKernelBtf } from './btf/kernel-btf.ts';
export { readBtf, readBtfLazily } from './btf/read-btf.ts';
export {
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  type ElfSymbolKind,
  readElf,
} from './elf/elf-file.ts';
export { BpfError, type BpfErrorCode, type BpfErrorOptions } from './errors.ts';
export type { Feature } from './features/feature.ts';
export { probeFeatures } from './features/probe-features.ts';
export { attachCgroup } from './links/attach-cgroup.ts';
export { attachClassifier, type ClassifierOptions } from './links/attach-classifier.ts';
export { attachIterator, readIterator } from './links/attach-iterator.ts';
export { attachPerfEvent, type PerfEventOptions } from './links/attach-perf-event.ts';
export {
  attachRawTracepoint,
  attachTrace,
  attachTracepoint,
  type CookieOption,
  type TracepointOptions,
} from './links/attach-tracepoint.ts';
export { attachUprobe } from './links/attach-uprobe.ts';
export type { UprobeOptions } from './links/uprobe-options.ts';
export { type DecoderRequest, generateDecoders } from './decoders/generate-decoders.ts';
export type { Link, LinkKind } from './links/link.ts';
export { loadObject } from './load/load-object.ts';
export type { LoadOptions } from './load/load-options.ts';
export type { LoadReport, ProgramReport } from './load/load-report.ts';
export type { LoadedObject } from './load/loaded-object.ts';
export type {
  Hook,
  LinkReport,
  LinkRequest,
  LoaderRequest,
  MapEntry,
  ObjectReport,
  ObjectRequest,
} from './loader/loader-request.ts';
export { type LoaderOptions, runLoader } from './loader/run-loader.ts';
export type { ConstantValue } from './load/write-constants.ts';
export type { BpfMap, MapBatch, MapKey, UpdateKind } from './maps/bpf-map.ts';
export type { MapState } from './maps/map-state.ts';
export {
  type AdoptedParts,
  type AdoptOptions,
  adoptPins,
  type HandedOver,
  handOver,
  type PartsToHandOver,
  takeOver,
} from './pins/adopted-parts.ts';
export { findHolders, type Holder } from './pins/holders.ts';
export {
  bpffsPath,
  findPinFolders,
  type FoundFolder,
  PinFolder,
  pinFolderFor,
  type PinFolderOptions,
  type PinKind,
  removeAllPins,
  sweepPins,
} from './pins/pin-folder.ts';
export { type BpffsOptions, bpffsState, prepareBpffs } from './pins/prepare-bpffs.ts';
export {
  becomeReader,
  nobody,
  readerIdentity,
  type ReaderProgram,
} from './privileges/become-reader.ts';
export { type Capability, capabilitiesOf, effectiveCapabilities } from './programs/capabilities.ts';
export { countRuns, type RunCount, takeOverCount } from './programs/count-runs.ts';
export type { Program } from './programs/program.ts';
export type { ProgramState } from './programs/program-state.ts';
export { TestRun, type TestRunResult } from './programs/test-run.ts';
export { openRingBuffer, type RingBatch, type RingBuffer } from './ring-buffer/ring-buffer.ts';
export type { RecordVisitor, RingCounters } from './ring-buffer/ring-cursor.ts';
export type { RingOptions } from './ring-buffer/ring-options.ts';
export {
  keyIdOf,
  type Provenance,
  signObject,
  type VerifiedObject,
  verifyObject,
  type VerifyOptions,
} from './signing/signature.ts';
export {
  readSignedObject,
  signatureSuffix,
  type SignedFileOptions,
} from './signing/signed-file.ts';
export { developmentKey, releaseKeys } from './signing/trusted-keys.ts';
export type { ConstantSpec } from './spec/constants.ts';
export type { MapSpec } from './spec/maps.ts';
export { type ObjectSpec, type ProgramSpec, readObjectSpec } from './spec/object-spec.ts';
export type { ProgramKind } from './spec/program-kind.ts';
export type { TypeUse } from './spec/relocations.ts';
export type { Identity } from './sys/credentials.ts';
export { yieldProcessor } from './sys/yield-processor.ts';
