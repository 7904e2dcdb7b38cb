import { type Cause, type CauseTimes, findStalls, type Gap } from '@millrace/attribution';
import type { TracedRequest } from './trace-pipeline.ts';
import type { RequestRecord, TcpFigures } from '@millrace/probes';
import type { TraceLine } from './trace-schema.ts';

interface TraceContext {
  /** Nanoseconds since the Unix epoch at the zero of the kernel's monotonic clock. */
  readonly epochNs: number;
  readonly command: string;
}

/** Makes a line of a request and of what its time went into. */
export function traceLineOf(request: TracedRequest, context: TraceContext): TraceLine {
  const { record, attribution } = request;
  const { startNs } = record;
  return {
    ...beforeGaps(request, context),
    gaps: attribution.gaps.map((gap) => ({
      at_ms: toMs(gap.startNs - startNs),
      ms: toMs(gap.endNs - gap.startNs),
      causes: inMs(gap.causes),
    })),
    ...afterGaps(request),
  };
}

/**
 * The same line as JSON, with its end. Gaps are most of it, as many as the answer has pieces: they are written without
 * making objects of them first.
 */
export function traceJsonOf(request: TracedRequest, context: TraceContext): string {
  const { record, attribution } = request;
  let gaps = '';
  for (const gap of attribution.gaps) {
    const atMs = toMs(gap.startNs - record.startNs);
    const ms = toMs(gap.endNs - gap.startNs);
    gaps += `${gaps === '' ? '' : ','}{"at_ms":${atMs},"ms":${ms},"causes":${jsonOfTimes(gap)}}`;
  }
  const before = JSON.stringify(beforeGaps(request, context));
  const after = JSON.stringify(afterGaps(request));
  return `${before.slice(0, -1)},"gaps":[${gaps}],${after.slice(1)}\n`;
}

/** Names of causes need no escape. */
function jsonOfTimes({ ranked }: Gap): string {
  let json = '';
  for (const { cause, ns } of ranked) json += `${json === '' ? '' : ','}"${cause}":${toMs(ns)}`;
  return `{${json}}`;
}

type AfterGaps = Pick<
  TraceLine,
  'causes' | 'stalls' | 'tcp' | 'ending' | 'stream_error' | 'abandoned' | 'complete' | 'incomplete'
>;

function beforeGaps(
  { record }: TracedRequest,
  context: TraceContext,
): Omit<TraceLine, keyof AfterGaps | 'gaps'> {
  const { firstOutputNs, startNs } = record;
  return {
    start: isoOf(startNs + context.epochNs),
    command: context.command,
    ...identityOf(record),
    ttft_ms: firstOutputNs === undefined ? null : toMs(firstOutputNs - startNs),
    duration_ms: toMs(record.endNs - startNs),
    read_delay_ms: toMs(record.readNs - startNs),
    ...countsOf(record),
  };
}

function afterGaps({ record, attribution, tcp }: TracedRequest): AfterGaps {
  return {
    causes: inMs(attribution.causes),
    stalls: findStalls(attribution).map(({ gap, cause, excessNs }) => ({
      at_ms: toMs(gap.startNs - record.startNs),
      ms: toMs(gap.endNs - gap.startNs),
      cause,
      excess_ms: toMs(excessNs),
    })),
    tcp: tcp === undefined ? null : tcpOf(tcp),
    ending: record.ending,
    stream_error: record.hasStreamError,
    abandoned: abandonedOf(record),
    complete: record.incomplete.length === 0,
    incomplete: record.incomplete,
  };
}

function identityOf(
  record: RequestRecord,
): Pick<
  TraceLine,
  | 'pid'
  | 'protocol'
  | 'connection'
  | 'stream_id'
  | 'local'
  | 'peer'
  | 'method'
  | 'route'
  | 'model'
  | 'stream'
  | 'prompt_hash'
  | 'trace_id'
  | 'status'
  | 'grpc_status'
  | 'reset_code'
> {
  return {
    pid: record.tgid,
    protocol: record.protocol,
    connection: String(record.cookie),
    stream_id: record.protocol === 'h2' ? record.streamId : null,
    local: placeOf(record.localAddress, record.localPort),
    peer: placeOf(record.peerAddress, record.peerPort),
    method: record.method,
    route: record.route,
    model: record.model ?? null,
    stream: record.isStream,
    prompt_hash: record.promptHash ?? null,
    trace_id: record.traceId ?? null,
    status: record.status ?? null,
    grpc_status: record.grpcStatus ?? null,
    reset_code: record.resetCode ?? null,
  };
}

/** Unix sockets have no port. */
function placeOf(address: string, port: number): string {
  return port === 0 ? address : `${address}:${port}`;
}

function countsOf(
  record: RequestRecord,
): Pick<
  TraceLine,
  'request_bytes' | 'response_bytes' | 'writes' | 'events' | 'content_chunks' | 'tokens'
> {
  const { inputTokens, outputTokens, cachedTokens } = record.usage;
  const isReported = Object.keys(record.usage).length > 0;
  return {
    request_bytes: record.requestBytes,
    response_bytes: record.responseBytes,
    writes: record.writes,
    events: record.events ?? null,
    content_chunks: record.contentChunks ?? null,
    tokens: isReported
      ? { input: inputTokens ?? null, output: outputTokens ?? null, cached: cachedTokens ?? null }
      : null,
  };
}

function tcpOf({ srttUs, retransmits, zeroWindows, zeroWindowNs }: TcpFigures): TraceLine['tcp'] {
  const { rto, fast, tlp, spurious } = retransmits;
  return {
    rtt_ms: srttUs === undefined ? null : srttUs / 1000,
    retransmits: { timeout: rto, fast, tail: tlp, spurious },
    zero_windows: zeroWindows,
    zero_window_ms: toMs(zeroWindowNs),
  };
}

function abandonedOf({ abandoned, startNs }: RequestRecord): TraceLine['abandoned'] {
  if (abandoned === undefined) return null;
  return {
    gone_at_ms: toMs(abandoned.clientGoneNs - startNs),
    ms: toMs(abandoned.lastWriteNs - abandoned.clientGoneNs),
    writes: abandoned.writes,
    content_chunks: abandoned.contentChunks,
  };
}

function inMs(times: CauseTimes): Record<string, number> {
  const inMilliseconds: Record<string, number> = {};
  // Once for each gap of each request: entries and pairs would be most of its cost.
  for (const cause in times) inMilliseconds[cause] = toMs(times[cause as Cause] ?? 0);
  return inMilliseconds;
}

/** Milliseconds to the microsecond. */
function toMs(ns: number): number {
  return Math.max(0, Math.round(ns / 1000) / 1000);
}

/** To the microsecond. */
function isoOf(unixNs: number): string {
  const whole = new Date(Math.floor(unixNs / 1e6)).toISOString();
  const microseconds = Math.floor((unixNs % 1e6) / 1e3);
  return `${whole.slice(0, -1)}${String(microseconds).padStart(3, '0')}Z`;
}
