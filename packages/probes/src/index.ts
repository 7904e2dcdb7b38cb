export type { MetricBuckets } from './aggregation/buckets.ts';
export { otlpNames, type RequestMetricsOptions } from './aggregation/metric-families.ts';
export { RequestMetrics } from './aggregation/request-metrics.ts';
export {
  type ProbeBudget,
  type ProbeLoad,
  probeToShed,
  type Shedding,
} from './aggregation/shed-policy.ts';
export {
  type BucketSums,
  type TimeBucket,
  TimeBuckets,
  type TimeBucketsOptions,
} from './aggregation/time-buckets.ts';
export { Assembly, type AssemblyCounts } from './assembly/assembly.ts';
export { decodeRunQueueEvent, type RunQueueEvent } from './decoders/run-queue-event.ts';
export {
  decodeSocketEvent,
  type SocketEvent,
  socketEventHeadBytes,
  type SocketEventKind,
} from './decoders/socket-event.ts';
export { decodeStampEvent, type StampEvent } from './decoders/stamp-event.ts';
export {
  decodeTcpEvent,
  type TcpEvent,
  type TcpEventKind,
  type TcpLimit,
} from './decoders/tcp-event.ts';
export { ProbesError, type ProbesErrorCode } from './errors.ts';
export type { ConnectionHealth } from './health/connection-health.ts';
export type { Passage, TcpEpisode } from './health/tcp-episode.ts';
export type { TcpFigures } from './health/tcp-figures.ts';
export { TcpLedger, type TcpLedgerOptions } from './health/tcp-ledger.ts';
export { StampLedger, type StampLedgerOptions, type Stamps } from './health/stamp-ledger.ts';
export { WaitLedger } from './health/wait-ledger.ts';
export { type DeviceCalls, type EngineSteps, stepQuantileNs } from './health/step-histogram.ts';
export {
  adoptEngine,
  type EngineLibraries,
  type EngineProbe,
  handOverEngine,
  openEngineProbe,
} from './live/engine-probe.ts';
export type { FlowStall } from './http2/window-ledger.ts';
export type { AssemblyOptions } from './options.ts';
export type {
  AbandonedWork,
  IncompleteReason,
  Output,
  ReportedUsage,
  RequestEnding,
  RequestRecord,
} from './requests/request-record.ts';
export type { HandedParts } from './live/adopted-object.ts';
export { adoptProbe, type HandedProbe, handOverProbe } from './live/handed-probe.ts';
export { openKernelProbe } from './live/kernel-probe.ts';
export type { KernelProbeName, RecordVisitor } from './live/probe-form.ts';
export type { LoadedProbe, ProbeObject } from './live/probe-object.ts';
export type { LossCounts, ProgramCost, ProgramState } from './live/probe-parts.ts';
export type { RingProbe } from './live/ring-probe.ts';
export { openStampsProbe } from './live/stamps-probe.ts';
export { openTlsProbe, type TlsPlace, watchTls } from './live/tls-probe.ts';
export type { WatchFilter } from './live/watch-filter.ts';
export {
  encodeRecordedEvent,
  encodeRecordingHead,
  type RecordedEvent,
  type RecordingHead,
  readRecording,
} from './recording/recording.ts';
