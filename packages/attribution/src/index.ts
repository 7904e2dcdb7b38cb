export type { AbandonedWork } from './abandoned-work.ts';
export {
  attribute,
  type Attribution,
  type CauseTimes,
  type Gap,
  type RankedCause,
} from './attribute.ts';
export type { Cause } from './causes/cause.ts';
export { AttributionError, type AttributionErrorCode } from './errors.ts';
export type {
  BlockedWrite,
  EventsLost,
  Evidence,
  EvidenceItem,
  FlowControlDeadlock,
  LocalQueue,
  PeerGone,
  PeerWindowLimit,
  Retransmit,
  RunQueueWait,
  SendBufferLimit,
  Throttling,
  Watch,
  WindowExhausted,
  ZeroWindow,
} from './evidence/evidence.ts';
export type { AttributionOptions } from './options.ts';
export { findStalls, type Stall, type StallOptions } from './stalls.ts';
export type { GapKind } from './timeline/gaps.ts';
export type { Interval } from './timeline/interval.ts';
export type { OutputWrite, Timeline } from './timeline/timeline.ts';
