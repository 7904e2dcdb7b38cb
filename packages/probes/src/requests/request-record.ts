import type { FlowStall } from '../http2/window-ledger.ts';

/** One operation that sent bytes of an answer's body. */
export interface Output {
  readonly timeNs: number;
  /** When the call began to copy; 0 when unknown. A blocked call took from here to `timeNs`. */
  readonly beginNs: number;
  readonly bodyBytes: number;
  readonly events: number;
  readonly contentChunks: number;
  /** Bytes of the connection that had been sent when it was done; a TX timestamp names one of them. */
  readonly endOffset: number;
}

/** Tokens as the server itself reports them; what it does not report is missing. */
export interface ReportedUsage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cachedTokens?: number;
}

/** How a request came to its end. */
export type RequestEnding =
  | 'answered'
  | 'peer-closed'
  | 'peer-reset'
  | 'peer-cancelled'
  | 'server-closed'
  | 'server-reset'
  | 'lost';

/** Why parts of a request are not known. */
export type IncompleteReason =
  | 'events-lost'
  | 'attached-midway'
  | 'head-too-long'
  | 'framing-lost'
  | 'bytes-not-seen'
  | 'encoded'
  | 'outputs-beyond-bound'
  | 'requests-beyond-bound'
  | 'still-open';

/** What a server went on doing after its client had gone. */
export interface AbandonedWork {
  readonly clientGoneNs: number;
  readonly writes: number;
  readonly contentChunks: number;
  readonly lastWriteNs: number;
}

/** One request to a server, from its first byte to its answer's end. Times are nanoseconds of the kernel's monotonic clock. */
export interface RequestRecord {
  readonly protocol: 'http/1.1' | 'h2';
  readonly cookie: number;
  /** The socket below a session of TLS, where that is known; undefined without TLS. */
  readonly socketCookie: number | undefined;
  /** The HTTP/2 stream; 0 over HTTP/1.1. */
  readonly streamId: number;
  readonly tgid: number;
  /** Threads that read or wrote it. */
  readonly tids: readonly number[];
  readonly localAddress: string;
  readonly localPort: number;
  readonly peerAddress: string;
  readonly peerPort: number;
  readonly method: string;
  /** The path, without its query. */
  readonly route: string;
  readonly model: string | undefined;
  readonly isStream: boolean;
  readonly promptHash: string | undefined;
  readonly traceId: string | undefined;
  readonly status: number | undefined;
  readonly grpcStatus: number | undefined;
  /** The HTTP/2 error code that ended its stream. */
  readonly resetCode: number | undefined;
  /** Times in which HTTP/2's flow control let nothing through. */
  readonly flowStalls: readonly FlowStall[];
  /** The first byte's arrival, or when it was read where the arrival was not seen. */
  readonly startNs: number;
  /** When the server read the first byte. */
  readonly readNs: number;
  /** When the server had read the whole request. */
  readonly receivedNs: number | undefined;
  readonly headNs: number | undefined;
  /** The first output with content where events are told apart, otherwise the first of the body. */
  readonly firstOutputNs: number | undefined;
  readonly endNs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Operations that sent bytes of the answer, its head included. */
  readonly writes: number;
  /** Server-sent events, lines of JSON, or gRPC messages; undefined when they cannot be told. */
  readonly events: number | undefined;
  /** Events that carry generated content; undefined when they cannot be told. */
  readonly contentChunks: number | undefined;
  readonly usage: ReportedUsage;
  readonly outputs: readonly Output[];
  readonly ending: RequestEnding;
  /** An error told within an answer that had begun. */
  readonly hasStreamError: boolean;
  readonly abandoned: AbandonedWork | undefined;
  readonly incomplete: readonly IncompleteReason[];
}
