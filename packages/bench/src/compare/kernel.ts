import { loadObject, type LoadedObject, prepareBpffs, readSignedObject } from '@millrace/bpf';
import { comparedPrograms, measurePrograms } from '../kernel/program-cost.ts';
import { type RateRun, runAtRate } from '../kernel/ring-rate.ts';
import { type Figure, type Goal, median } from '../report/report.ts';
import type { Comparison } from './comparison.ts';
import { measureStreamLatency } from './stream-latency.ts';

/** What the measurement of the kernel's side needs. */
export interface KernelContext {
  /** Names of `kernelParts`; all of them where there is none. */
  readonly only: readonly string[];
  readonly rounds: number;
  /** Seconds that events come at each rate, and of a window of latency. */
  readonly seconds: number;
  readonly onProgress: (text: string) => void;
}

const rates = [100_000, 200_000, 400_000, 800_000, 1_600_000, 3_200_000, 6_400_000];
const goalRate = 200_000;
/** A round of programs takes a tenth of a second, so there are more of them. */
const programRoundsPerRound = 7;
const perCpuNsMax = 12;
const readerUsMax = 3;

const streams = 1_000;
const pairsPerRound = 2;

/** What can be measured by itself. */
export const kernelParts: readonly string[] = ['programs', 'ring', 'latency'];

/**
 * What programs of probes cost, part by part, how fast one reader takes events from a ring, and what all of it changes
 * for clients of many streams.
 */
export async function measureKernel(context: KernelContext): Promise<Comparison> {
  const chosen = context.only.length === 0 ? kernelParts : context.only;
  const found: Comparison[] = [];
  if (chosen.some((part) => part !== 'latency')) {
    const file = new URL('../../bpf/kernel-cost.bpf.o', import.meta.url);
    prepareBpffs();
    using loaded = loadObject(readSignedObject(file, { trustsDevelopmentKey: true }));
    if (chosen.includes('programs')) found.push(programCosts(loaded, context));
    if (chosen.includes('ring')) found.push(await ringCurves(loaded, context));
  }
  if (chosen.includes('latency')) {
    const pairs = context.rounds * pairsPerRound;
    found.push(await measureStreamLatency({ ...context, streams, pairs }));
  }
  return {
    figures: found.flatMap(({ figures }) => figures),
    goals: found.flatMap(({ goals }) => goals),
    notes: found.flatMap(({ notes }) => notes),
  };
}

async function ringCurves(loaded: LoadedObject, context: KernelContext): Promise<Comparison> {
  const timer = await curve(loaded, context, { wait: 'timer', among: rates });
  const epoll = await curve(loaded, context, { wait: 'epoll', among: [goalRate] });
  const runs = [...timer, ...epoll];
  return {
    figures: [...timer.flatMap(figuresOf), ...epoll.flatMap(figuresOf)],
    goals: ringGoals(timer),
    notes: [
      'Samples of 64 bytes into a ring of 4 MiB, in bursts a quarter of a millisecond apart, from one processor; one reader process on another, which takes every field and keeps a histogram. Its CPU is that of its whole process, user and system, from when it is ready, and so has the time that it waits and ends.',
      `Order: ${runs.reduce((sum, { found }) => sum + found.reduce((count, run) => count + run.outOfOrder, 0), 0)} events out of order; accounts that do not add up: ${runs.flatMap(({ found }) => found).filter((run) => run.attempted !== run.delivered + run.dropped).length}.`,
    ],
  };
}

function programCosts(loaded: LoadedObject, { rounds, onProgress }: KernelContext): Comparison {
  onProgress('programs');
  const found = measurePrograms(loaded, rounds * programRoundsPerRound);
  const empty = found.get('empty') ?? [];
  const aboveEmpty = (name: string): readonly number[] =>
    (found.get(name) ?? []).map((ns, round) => ns - (empty[round] ?? Number.NaN));
  const figures = Object.entries(comparedPrograms).map(([name, side]): Figure => {
    const isEmpty = name === 'empty';
    return {
      comparison: 'program',
      side,
      name: isEmpty ? 'ns a run' : 'ns a run above empty',
      values: isEmpty ? empty : aboveEmpty(name),
    };
  });
  const perCpu = median(aboveEmpty('percpu_array_histogram'));
  const hash = median(aboveEmpty('hash_atomic'));
  return {
    figures,
    goals: [
      {
        text: `a sample into a per-CPU array costs at most ${perCpuNsMax} ns above an empty program`,
        reached: perCpu,
        isMet: perCpu <= perCpuNsMax,
      },
      {
        text: 'a sample into a per-CPU array costs less than one into a hash by an atomic operation, ns',
        reached: hash - perCpu,
        isMet: perCpu < hash,
      },
    ],
    notes: [
      'Programs run a million times a call by BPF_PROG_TEST_RUN, in turns; "above empty" is the difference to the empty program of the same round. What it costs to get to a program, as a trap or a tracepoint does, is not in it.',
    ],
  };
}

interface Curve {
  readonly wait: 'timer' | 'epoll';
  readonly rate: number;
  readonly found: readonly RateRun[];
}

async function curve(
  loaded: LoadedObject,
  { rounds, seconds, onProgress }: KernelContext,
  { wait, among }: { readonly wait: Curve['wait']; readonly among: readonly number[] },
): Promise<readonly Curve[]> {
  const found = among.map((rate) => ({ wait, rate, found: [] as RateRun[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const one of found) {
      onProgress(`ring: ${one.rate} events/s, ${wait}, round ${round + 1} of ${rounds}`);
      one.found.push(await runAtRate(loaded, { eventsPerSecond: one.rate, seconds, wait }));
    }
  }
  return found;
}

function figuresOf({ wait, rate, found }: Curve): readonly Figure[] {
  const figure = (name: string, read: (run: RateRun) => number): Figure => ({
    comparison: 'ring',
    side: `${rate.toLocaleString('en-US')} events/s, ${wait}`,
    name,
    values: found.map(read),
  });
  return [
    figure('events/s really', (run) => run.eventsPerSecond),
    figure('lost, %', (run) => (100 * run.dropped) / run.attempted),
    figure('reader, µs CPU an event', (run) => run.readerUsPerEvent),
    figure('reader, ms CPU per 10,000 events', (run) => run.readerUsPerEvent * 10),
  ];
}

function ringGoals(timer: readonly Curve[]): readonly Goal[] {
  const found = timer.find(({ rate }) => rate === goalRate)?.found ?? [];
  const lost = found.reduce((sum, { dropped }) => sum + dropped, 0);
  const cpu = median(found.map(({ readerUsPerEvent }) => readerUsPerEvent));
  return [
    {
      text: `no loss at ${goalRate} events/s into one reader on one core, events lost`,
      reached: lost,
      isMet: lost === 0 && found.length > 0,
    },
    {
      text: `the reader takes at most ${readerUsMax} µs CPU an event`,
      reached: cpu,
      isMet: cpu <= readerUsMax,
    },
  ];
}
