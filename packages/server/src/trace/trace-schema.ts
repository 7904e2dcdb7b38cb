import { z } from 'zod';

/** Milliseconds by cause. */
export type CauseMs = Readonly<Record<string, number>>;

/** One finished request, as `millrace trace --json` tells it. Its fields are described where they are checked, below. */
export interface TraceLine {
  readonly start: string;
  readonly pid: number;
  readonly command: string;
  readonly protocol: 'http/1.1' | 'h2';
  readonly connection: string;
  readonly stream_id: number | null;
  readonly local: string;
  readonly peer: string;
  readonly method: string;
  readonly route: string;
  readonly model: string | null;
  readonly stream: boolean;
  readonly prompt_hash: string | null;
  readonly trace_id: string | null;
  readonly status: number | null;
  readonly grpc_status: number | null;
  readonly reset_code: number | null;
  readonly ttft_ms: number | null;
  readonly duration_ms: number;
  readonly read_delay_ms: number;
  readonly request_bytes: number;
  readonly response_bytes: number;
  readonly writes: number;
  readonly events: number | null;
  readonly content_chunks: number | null;
  readonly tokens: {
    readonly input: number | null;
    readonly output: number | null;
    readonly cached: number | null;
  } | null;
  readonly gaps: readonly {
    readonly at_ms: number;
    readonly ms: number;
    readonly causes: CauseMs;
  }[];
  readonly causes: CauseMs;
  readonly stalls: readonly {
    readonly at_ms: number;
    readonly ms: number;
    readonly cause: string;
    readonly excess_ms: number;
  }[];
  readonly tcp: {
    readonly rtt_ms: number | null;
    readonly retransmits: {
      readonly timeout: number;
      readonly fast: number;
      readonly tail: number;
      readonly spurious: number;
    };
    readonly zero_windows: number;
    readonly zero_window_ms: number;
  } | null;
  readonly ending:
    | 'answered'
    | 'peer-closed'
    | 'peer-reset'
    | 'peer-cancelled'
    | 'server-closed'
    | 'server-reset'
    | 'lost';
  readonly stream_error: boolean;
  readonly abandoned: {
    readonly gone_at_ms: number;
    readonly ms: number;
    readonly writes: number;
    readonly content_chunks: number;
  } | null;
  readonly complete: boolean;
  readonly incomplete: readonly string[];
}

const milliseconds = z.number().nonnegative();
const count = z.number().int().nonnegative();
const causes = z.record(z.string(), milliseconds);

const line = z.strictObject({
  start: z.string().describe('when its first byte arrived; ISO 8601, UTC, microseconds'),
  pid: count.describe('the process that answered'),
  command: z.string().describe("the process's name"),
  protocol: z.enum(['http/1.1', 'h2']),
  connection: z.string().describe('socket cookie, in decimal'),
  stream_id: count.nullable().describe('HTTP/2 stream'),
  local: z.string(),
  peer: z.string(),
  method: z.string(),
  route: z.string().describe('path without its query'),
  model: z.string().nullable(),
  stream: z.boolean().describe('the answer was asked for, or came, in events'),
  prompt_hash: z.string().nullable().describe('of the JSON of the prompt'),
  trace_id: z.string().nullable().describe('of the traceparent that the request carried'),
  status: count.nullable(),
  grpc_status: count.nullable(),
  reset_code: count.nullable().describe('HTTP/2 error code that ended its stream'),
  ttft_ms: milliseconds.nullable().describe('to the first write with content'),
  duration_ms: milliseconds.describe('to the last write of its answer'),
  read_delay_ms: milliseconds.describe('how long its first byte waited to be read'),
  request_bytes: count,
  response_bytes: count,
  writes: count.describe('calls that sent bytes of the answer'),
  events: count.nullable().describe('server-sent events, lines of JSON or gRPC messages'),
  content_chunks: count.nullable().describe('events with generated content'),
  tokens: z
    .strictObject({ input: count.nullable(), output: count.nullable(), cached: count.nullable() })
    .nullable()
    .describe('as the server itself reports them'),
  gaps: z
    .array(z.strictObject({ at_ms: milliseconds, ms: milliseconds, causes }))
    .describe('times between pieces of the answer, in order, without holes; causes add up to each'),
  causes: causes.describe('all gaps together'),
  stalls: z.array(
    z.strictObject({
      at_ms: milliseconds,
      ms: milliseconds,
      cause: z.string(),
      excess_ms: milliseconds,
    }),
  ),
  tcp: z
    .strictObject({
      rtt_ms: milliseconds.nullable().describe('smoothed, at the last acknowledgement'),
      retransmits: z
        .strictObject({ timeout: count, fast: count, tail: count, spurious: count })
        .describe(
          'segments sent again, by what made TCP do it; spurious ones the peer had already',
        ),
      zero_windows: count.describe("how often the peer's window closed"),
      zero_window_ms: milliseconds,
    })
    .nullable()
    .describe('what TCP did on the connection meanwhile; HTTP/2 streams share it; null if unseen'),
  ending: z.enum([
    'answered',
    'peer-closed',
    'peer-reset',
    'peer-cancelled',
    'server-closed',
    'server-reset',
    'lost',
  ]),
  stream_error: z.boolean().describe('an error was told within the answer'),
  abandoned: z
    .strictObject({
      gone_at_ms: milliseconds,
      ms: milliseconds,
      writes: count,
      content_chunks: count,
    })
    .nullable()
    .describe('what the server did after its client had gone'),
  complete: z.boolean().describe('nothing of it went unseen'),
  incomplete: z.array(z.string()).describe('why not'),
});

/** Checks a line. Fields are added, never taken away or given another meaning. */
export const traceLineSchema: z.ZodType<TraceLine> = line;

/** The form of a line, for whoever reads them. */
export function traceLineJsonSchema(): unknown {
  return {
    title: 'A request as `millrace trace --json` tells it, one object a line',
    ...z.toJSONSchema(line),
  };
}
