import { fileURLToPath } from 'node:url';
import { seededPrng } from '@millrace/stdx';
import { BenchError } from '../errors.ts';
import { type TraceAccount, TraceProcess } from '../kernel-view/trace-process.ts';
import { bootstrapMedian } from '../report/bootstrap.ts';
import type { Figure } from '../report/report.ts';
import { compileRig } from '../rig/compile-rig.ts';
import { type ClientResult, errorCount, type Percentiles, runClient } from '../rig/rig-process.ts';
import { readProcessCost } from '../rig/process-cost.ts';
import { startChild } from '../sides/child-server.ts';
import type { RunningSide } from '../sides/side.ts';
import type { Comparison } from './comparison.ts';

interface LatencyOptions {
  readonly pairs: number;
  /** Of each window. */
  readonly seconds: number;
  readonly streams: number;
  readonly onProgress: (text: string) => void;
}

/** A window of the load: what its client saw, and what server and reader used meanwhile. */
interface Window {
  readonly seen: ClientResult;
  readonly serverNs: number;
  readonly reader?: TraceAccount & { readonly processorNs: number };
}

interface Pair {
  readonly without: Window;
  readonly with: Window;
}

/** As long as the usual answer, so that streams are spread evenly when the window opens. */
const warmMs = 2_000;

type Read = (window: Window) => number | undefined;

const percentiles = ['p50', 'p99'] as const;
const latencies: readonly (readonly [string, (seen: ClientResult) => Percentiles])[] = [
  ['event, µs from write to client', (seen) => seen.eventLatencyUs],
  ['first event, µs from request', (seen) => seen.firstLatencyUs],
];

/**
 * What all probes and their reader change in how soon events come to clients of many concurrent streams: windows with
 * them and without, in pairs whose order alternates. Throws `BENCH_SIDE_FAILED` where there is no compiler or no probe.
 */
export async function measureStreamLatency(options: LatencyOptions): Promise<Comparison> {
  const rig = compileRig();
  if ('unavailable' in rig) throw new BenchError(rig.unavailable, { code: 'BENCH_SIDE_FAILED' });
  const program = fileURLToPath(new URL('../kernel-view/paced-server.entry.ts', import.meta.url));
  await using server = await startChild({
    command: (port) => [process.execPath, '--conditions=@millrace/source', program, String(port)],
    modelId: 'bench',
  });
  const pairs: Pair[] = [];
  // The first of all windows has the server's code compiled, and does not count.
  await measureWindow(server, { ...options, client: rig.client });
  for (let at = 0; at < options.pairs; at++) {
    options.onProgress(`latency at ${options.streams} streams: pair ${at + 1} of ${options.pairs}`);
    const step = { ...options, client: rig.client };
    const first = at % 2 === 0 ? await measureWindow(server, step) : undefined;
    const watched = await measureWatched(server, step);
    pairs.push({ without: first ?? (await measureWindow(server, step)), with: watched });
  }
  return reportOf(pairs, options);
}

type Step = LatencyOptions & { readonly client: string };

async function measureWindow(
  { url, processId }: RunningSide,
  { streams, seconds, client }: Step,
  onPhase: (phase: string) => void = () => undefined,
): Promise<Window> {
  const at: Record<string, number> = {};
  const seen = await runClient(
    client,
    {
      port: new URL(url).port,
      connections: streams,
      stream: 1,
      'warm-ms': warmMs,
      'duration-ms': seconds * 1000,
    },
    (phase, end) => {
      at[phase] = readProcessCost([processId]).processorNs;
      onPhase(phase);
      // What is under way need not come to its end.
      if (phase === 'measured') end();
    },
  );
  if (errorCount(seen) > 0) {
    throw new BenchError(`stream to ${streams} clients: ${JSON.stringify(seen.errors)}`, {
      code: 'BENCH_SIDE_FAILED',
    });
  }
  return { seen, serverNs: (at['measured'] ?? Number.NaN) - (at['measuring'] ?? Number.NaN) };
}

async function measureWatched(server: RunningSide, step: Step): Promise<Window> {
  await using trace = new TraceProcess(Number(new URL(server.url).port));
  await trace.ready();
  const at: Record<string, number> = {};
  const window = await measureWindow(server, step, (phase) => (at[phase] = trace.processorNs()));
  const processorNs = (at['measured'] ?? Number.NaN) - (at['measuring'] ?? Number.NaN);
  return { ...window, reader: { ...(await trace.end()), processorNs } };
}

function reportOf(pairs: readonly Pair[], { streams, seconds }: LatencyOptions): Comparison {
  const figures = latencies.flatMap(([name, read]) =>
    percentiles.flatMap((percentile) =>
      figuresOf(pairs, `${name}, ${percentile}`, ({ seen }) => read(seen)[percentile]),
    ),
  );
  const changes = latencies.flatMap(([name, read]) =>
    percentiles.map((percentile) =>
      changeOf(pairs, `${name}, ${percentile}`, ({ seen }) => read(seen)[percentile]),
    ),
  );
  const perEvent: Read = ({ seen, serverNs }) => serverNs / seen.events / 1000;
  const perSecond: Read = ({ seen }) => (1000 * seen.events) / seen.windowMs;
  return {
    figures: [
      ...figures,
      ...figuresOf(pairs, 'server CPU an event written, µs', perEvent),
      ...figuresOf(pairs, 'events written a second', perSecond),
      ...readerFigures(pairs),
    ],
    goals: [],
    notes: [
      `latency: a server of node:http with ${streams} streams at a time, each of 10 to 30 events 50 to 150 ms apart; a client in C on loopback, kept to the second processor; server and reader run where they like. In pairs of windows of ${seconds} s, ${warmMs / 1000} s after the load began, one with \`millrace trace --json\` and all its probes, one without, the order alternating.`,
      ...changes,
      changeOf(pairs, 'server CPU an event written, µs', perEvent),
    ],
  };
}

function figuresOf(pairs: readonly Pair[], name: string, read: Read): readonly Figure[] {
  return (['without', 'with'] as const).map((side) => ({
    comparison: 'latency',
    side: `${side} probes`,
    name,
    values: pairs.map((pair) => read(pair[side]) ?? Number.NaN),
  }));
}

/** The change that probes make, with its interval over pairs. */
function changeOf(pairs: readonly Pair[], name: string, read: Read): string {
  const changes = pairs.map(
    (pair) => (read(pair.with) ?? Number.NaN) - (read(pair.without) ?? Number.NaN),
  );
  const { estimate, low, high } = bootstrapMedian(changes, seededPrng(1));
  const shown = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(1)}`;
  return `change by probes, ${name}: ${shown(estimate)} (95 % interval ${shown(low)} to ${shown(high)}; median of differences of ${pairs.length} pairs, bootstrap over pairs)`;
}

function readerFigures(pairs: readonly Pair[]): readonly Figure[] {
  const readers = pairs.flatMap(({ with: { reader, seen } }) =>
    reader === undefined ? [] : [{ reader, seen }],
  );
  const figure = (name: string, values: readonly number[]): Figure => ({
    comparison: 'latency',
    side: 'reader',
    name,
    values,
  });
  return [
    figure(
      'processors taken by the reader',
      readers.map(({ reader, seen }) => reader.processorNs / 1e6 / seen.windowMs),
    ),
    figure(
      'requests told',
      readers.map(({ reader }) => reader.requests),
    ),
    figure(
      'kernel events lost',
      readers.map(({ reader }) => reader.dropped),
    ),
  ];
}
