export { Assembly, type AssemblyCounts } from './assembly/assembly.ts';
export {
  decodeSocketEvent,
  type SocketEvent,
  socketEventHeadBytes,
  type SocketEventKind,
} from './decoders/socket-event.ts';
export { ProbesError, type ProbesErrorCode } from './errors.ts';
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
