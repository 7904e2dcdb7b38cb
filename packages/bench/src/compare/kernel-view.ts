import { fileURLToPath } from 'node:url';
import { type SeenAnswer, StreamClient } from '../kernel-view/stream-client.ts';
import { watch, type WatchedRun } from '../kernel-view/watched-run.ts';
import { type Figure, type Goal, median } from '../report/report.ts';
import { readProcessCost } from '../rig/process-cost.ts';
import { startChild } from '../sides/child-server.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import type { RunningSide } from '../sides/side.ts';
import type { Comparison } from './comparison.ts';

interface KernelViewOptions {
  readonly requests: number;
  readonly rounds: number;
  /** A GGUF file: the cost is measured on the engine, and not on the server that only streams. */
  readonly model?: string | undefined;
  readonly onProgress: (text: string) => void;
}

const body = {
  model: 'bench',
  stream: true,
  max_tokens: 48,
  messages: [{ role: 'user', content: 'Count to forty.' }],
};
const concurrent = 8;
const disagreementMsMax = 0.2;
const costMax = 0.02;
const readerUsMax = 3;

/** How well the kernel view agrees with a client, and what it costs the server that is watched. */
export async function measureKernelView(options: KernelViewOptions): Promise<Comparison> {
  const figures: Figure[] = [];
  const goals: Goal[] = [];
  if (options.model === undefined) {
    await using server = await startStreamServer();
    const found = await agreement(server, options);
    figures.push(...found.figures);
    goals.push(...found.goals);
    const cost = await costOf(
      { name: 'node streaming server', server },
      { ...options, each: options.requests / 5 },
    );
    figures.push(...cost.figures);
    goals.push(...cost.goals);
  }
  if (options.model !== undefined) {
    const started = await millraceSide('engine', options.model, []).start();
    if ('unavailable' in started) throw new Error(started.unavailable);
    await using server = started;
    const cost = await costOf(
      { name: 'Millrace engine', server },
      { ...options, each: Math.min(16, options.requests) },
    );
    figures.push(...cost.figures);
    goals.push(...cost.goals);
  }
  const notes = [
    'agreement: one connection, one request at a time; the client reads the clock beside its socket calls, without an HTTP library',
    `cost: ${concurrent} connections; rounds with and without the probes alternate; processor time of the server's threads, time within its system calls included`,
    'time of programs as the kernel counts it (its run-time statistics), which itself costs some of what is counted',
  ];
  return { figures, goals, notes };
}

function startStreamServer(): Promise<RunningSide> {
  const program = fileURLToPath(new URL('../kernel-view/stream-server.entry.ts', import.meta.url));
  return startChild({
    command: (port) => [process.execPath, program, String(port)],
    modelId: 'bench',
  });
}

function watchedServer(server: RunningSide): { readonly port: number; readonly processId: number } {
  return { port: Number(new URL(server.url).port), processId: server.processId };
}

async function agreement(
  server: RunningSide,
  options: KernelViewOptions,
): Promise<Omit<Comparison, 'notes'>> {
  const { requests, onProgress } = options;
  const target = watchedServer(server);
  const seen: SeenAnswer[] = [];
  onProgress(`agreement over ${requests} requests`);
  const watched = await watch(
    target,
    async () => {
      using client = await StreamClient.connect(target.port, body);
      for (let at = 0; at < requests; at++) seen.push(await client.ask());
    },
    { countsRuns: false },
  );
  const { ttftMs, gapMs, matched } = differences(watched, seen);
  const values: readonly (readonly [string, readonly number[]])[] = [
    ['time to first token, |kernel − client|, ms: median over requests', [median(ttftMs)]],
    [
      'time to first token, kernel − client, ms: 99th percentile of |difference|',
      [percentile(ttftMs, 0.99)],
    ],
    ['gaps, |kernel − client|, ms: median over gaps', [median(gapMs)]],
    ['gaps, |kernel − client|, ms: 99th percentile', [percentile(gapMs, 0.99)]],
    ['requests seen by both', [matched]],
    ['events dropped', [watched.dropped]],
  ];
  return {
    figures: values.map(([name, list]) => ({
      comparison: 'agreement',
      side: 'node streaming server',
      name,
      values: list,
    })),
    goals: [
      atMost(
        `TTFT agrees within ${disagreementMsMax} ms at the median over ${requests} requests`,
        median(ttftMs),
        disagreementMsMax,
      ),
      atMost(
        `gaps agree within ${disagreementMsMax} ms at the median`,
        median(gapMs),
        disagreementMsMax,
      ),
    ],
  };
}

function differences(
  { records }: WatchedRun,
  seen: readonly SeenAnswer[],
): { readonly ttftMs: number[]; readonly gapMs: number[]; readonly matched: number } {
  const ttftMs: number[] = [];
  const gapMs: number[] = [];
  let matched = 0;
  for (const [index, { sentNs, contentNs }] of seen.entries()) {
    const record = records[index];
    const [firstNs] = contentNs;
    if (record?.firstOutputNs === undefined || firstNs === undefined) continue;
    matched++;
    ttftMs.push(Math.abs(record.firstOutputNs - record.startNs - (firstNs - sentNs)) / 1e6);
    const own = record.outputs
      .filter(({ contentChunks }) => contentChunks > 0)
      .map(({ timeNs }) => timeNs);
    if (own.length !== contentNs.length) continue;
    const [kernelGaps, clientGaps] = [gapsOf(own), gapsOf(contentNs)];
    gapMs.push(...kernelGaps.map((gap, at) => Math.abs(gap - (clientGaps[at] ?? 0)) / 1e6));
  }
  return { ttftMs, gapMs, matched };
}

function gapsOf(timesNs: readonly number[]): readonly number[] {
  return timesNs.slice(1).map((time, at) => time - (timesNs[at] ?? 0));
}

interface CostSubject {
  readonly name: string;
  readonly server: RunningSide;
}

/** What loads took without probes, with them, and with them while the kernel counted their runs. */
interface CostRounds {
  readonly each: number;
  readonly bare: readonly number[];
  readonly seen: readonly number[];
  readonly runs: readonly WatchedRun[];
  readonly counted: readonly WatchedRun[];
}

async function costOf(
  subject: CostSubject,
  options: KernelViewOptions & { readonly each: number },
): Promise<Omit<Comparison, 'notes'>> {
  return costReport(subject.name, await costRounds(subject, options));
}

async function costRounds(
  { name, server }: CostSubject,
  options: KernelViewOptions & { readonly each: number },
): Promise<CostRounds> {
  const target = watchedServer(server);
  const each = Math.max(concurrent, Math.round(options.each));
  const load = async (): Promise<number> => {
    const before = readProcessCost([target.processId]);
    await askAtOnce(target.port, each);
    return (readProcessCost([target.processId]).processorNs - before.processorNs) / each / 1000;
  };
  await load();
  await watch(target, async () => void (await load()), { countsRuns: true });
  const [bare, seen]: [number[], number[]] = [[], []];
  const [runs, counted]: [WatchedRun[], WatchedRun[]] = [[], []];
  for (let round = 0; round < options.rounds * 2; round++) {
    options.onProgress(`cost on ${name}, round ${round + 1} of ${options.rounds * 2}`);
    const bareFirst = round % 2 === 0;
    if (bareFirst) bare.push(await load());
    runs.push(await watch(target, async () => void seen.push(await load()), { countsRuns: false }));
    if (!bareFirst) bare.push(await load());
    counted.push(await watch(target, async () => void (await load()), { countsRuns: true }));
  }
  return { each, bare, seen, runs, counted };
}

function costReport(
  name: string,
  { each, bare, seen, runs, counted }: CostRounds,
): Omit<Comparison, 'notes'> {
  const ratio = median(seen) / median(bare) - 1;
  const readerUs = runs.map(({ readerNs, events }) => readerNs / events / 1000);
  const programUs = counted.map(
    ({ programs }) => programs.reduce((sum, { runNs }) => sum + runNs, 0) / each / 1000,
  );
  const share = median(programUs) / median(bare);
  const figure = (figureName: string, values: readonly number[]): Figure => ({
    comparison: 'cost',
    side: name,
    name: figureName,
    values,
  });
  return {
    figures: [
      figure('server CPU a request without probes, µs', bare),
      figure('server CPU a request with probes, µs', seen),
      figure('more CPU with probes, ratio of medians − 1', [ratio]),
      figure('time of all programs a request, µs', programUs),
      figure('time of all programs, share of the server CPU', [share]),
      figure(
        'events a request',
        runs.map(({ events }) => events / each),
      ),
      figure('reader CPU an event, µs', readerUs),
      figure(
        'causes, CPU a request, µs',
        runs.map(({ causesNs, records }) => causesNs / records.length / 1000),
      ),
      ...costsByProgram(counted).map(([program, values]) =>
        figure(`program ${program}, ns a run`, values),
      ),
    ],
    goals: [
      atMost(`${name}: server CPU with probes at most ${costMax * 100} % more`, ratio, costMax),
      atMost(
        `${name}: reader at most ${readerUsMax} µs of CPU an event`,
        median(readerUs),
        readerUsMax,
      ),
    ],
  };
}

async function askAtOnce(port: number, count: number): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: concurrent }, () => StreamClient.connect(port, body)),
  );
  let left = count;
  try {
    await Promise.all(
      clients.map(async (client) => {
        while (left-- > 0) await client.ask();
      }),
    );
  } finally {
    for (const client of clients) client[Symbol.dispose]();
  }
}

function costsByProgram(
  runs: readonly WatchedRun[],
): readonly (readonly [string, readonly number[]])[] {
  const values = new Map<string, number[]>();
  for (const { programs } of runs) {
    for (const { name, runs: count, runNs } of programs) {
      if (count > 0) values.set(name, [...(values.get(name) ?? []), runNs / count]);
    }
  }
  return [...values];
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

function atMost(text: string, reached: number, most: number): Goal {
  return { text, reached, isMet: reached <= most };
}
