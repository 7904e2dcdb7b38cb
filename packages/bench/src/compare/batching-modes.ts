import { failureCount, quantile, runOpenLoop } from '../load/run-load.ts';
import type { LoadRequest } from '../load/measured-request.ts';
import { runSteady } from '../load/run-steady.ts';
import { type Figure, median } from '../report/report.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import type { Side } from '../sides/side.ts';
import type { BenchContext } from './comparison.ts';
import { inRounds } from './rounds.ts';

/** Clients that never pause, the time until pools have grown and batches overlap, and the time that counts. */
const saturation = { concurrency: 32, warmMs: 20_000, windowMs: 45_000 };
/** The same for a run that only shows that everything works. */
const quickSaturation = { concurrency: 8, warmMs: 1000, windowMs: 3000 };
const modes = ['adaptive', 'static-ragged', 'static'] as const;

/** What batching modes are measured by. */
export interface BatchingWorkload {
  readonly name: string;
  /** Requests for saturation, drawn anew each round; they repeat when they are spent. */
  mix(round: number): readonly LoadRequest[];
  /** Requests at this mean rate. */
  arrivals(perSecond: number): readonly { readonly load: LoadRequest; readonly atMs: number }[];
}

/** What the modes did: figures by side, and the load that was sustained. */
export interface ModesFound {
  readonly speed: ReadonlyMap<string, readonly number[]>;
  readonly latency: ReadonlyMap<string, readonly number[]>;
  readonly figures: readonly Figure[];
  readonly notes: readonly string[];
}

/** Saturation of every mode, then adaptive and static at what static sustains; prefixes reused by none. */
export async function measureModes(
  context: BenchContext,
  workload: BatchingWorkload,
): Promise<ModesFound> {
  const sides = modes.map((mode) =>
    millraceSide(mode, context.model, [
      `--mode=${mode}`,
      '--no-prefix-reuse',
      `--threads=${context.threads}`,
    ]),
  );
  const notes: string[] = [];
  const speed = await saturate(sides, { context, workload, notes });
  const mix = workload.mix(0);
  const requestTokens = mix.reduce((sum, load) => sum + load.outputTokens, 0) / mix.length;
  const perSecond = median(speed.get('static') ?? []) / requestTokens;
  const totals = new Map<string, readonly number[]>();
  const arrivals = workload.arrivals(perSecond);
  await inRounds(
    sides.filter((side) => side.name !== 'static-ragged'),
    {
      ...context,
      rounds: 1,
      run: async (side, running) => {
        const result = await runOpenLoop(running, arrivals);
        noteFailures(notes, side, failureCount(result));
        totals.set(
          side.name,
          result.requests.map((request) => request.totalMs),
        );
      },
      onMissing: () => undefined,
    },
  );
  notes.push(
    `${workload.name}: the sustained load was ${perSecond.toFixed(2)} requests/s, what static manages at saturation, ${arrivals.length} requests.`,
  );
  const latency = quantiles(totals, 0.99);
  const clients = shapeOf(context).concurrency;
  const figures = [
    ...rows(speed, workload.name, `tokens/s, ${clients} clients`),
    ...rows(latency, workload.name, 'p99 end to end, ms'),
    ...rows(quantiles(totals, 0.5), workload.name, 'p50 end to end, ms'),
  ];
  return { speed, latency, figures, notes };
}

async function saturate(
  sides: readonly Side[],
  step: {
    readonly context: BenchContext;
    readonly workload: BatchingWorkload;
    readonly notes: string[];
  },
): Promise<ReadonlyMap<string, readonly number[]>> {
  const speed = new Map<string, number[]>();
  await inRounds(sides, {
    ...step.context,
    run: async (side, running, round) => {
      const mix = step.workload.mix(round);
      let next = 0;
      const draw = (): LoadRequest => mix[next++ % mix.length] as LoadRequest;
      const result = await runSteady(running, draw, shapeOf(step.context));
      noteFailures(step.notes, side, result.failureCount);
      speed.set(side.name, [...(speed.get(side.name) ?? []), result.tokensPerSecond]);
    },
    onMissing: (side, reason) => step.notes.push(`${side.name}: ${reason}`),
  });
  return speed;
}

function shapeOf(context: BenchContext): typeof saturation {
  return context.isQuick ? quickSaturation : saturation;
}

function noteFailures(notes: string[], side: Side, count: number): void {
  if (count > 0) notes.push(`${side.name}: ${count} requests failed`);
}

function quantiles(
  totals: ReadonlyMap<string, readonly number[]>,
  share: number,
): ReadonlyMap<string, readonly number[]> {
  return new Map([...totals].map(([side, values]) => [side, [quantile(values, share)]]));
}

function rows(
  map: ReadonlyMap<string, readonly number[]>,
  comparison: string,
  name: string,
): readonly Figure[] {
  return [...map].map(([side, values]) => ({ comparison, side, name, values }));
}
