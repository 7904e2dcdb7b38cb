import { failureCount, quantile, runOpenLoop } from '../load/run-load.ts';
import { runSteady } from '../load/run-steady.ts';
import { type Figure, type Goal, median } from '../report/report.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import { chatMix, poissonArrivals } from '../workload/workloads.ts';
import type { BenchContext, Comparison } from './comparison.ts';
import { inRounds } from './rounds.ts';

/** Clients that never pause, the time until pools have grown and batches overlap, and the time that counts. */
const saturation = { concurrency: 32, warmMs: 20_000, windowMs: 45_000 };
/** Requests of the chat mix that are drawn before they repeat. */
const mixSize = 512;
/** Requests at the sustained load. */
const requestCount = 160;
const modes = ['adaptive', 'static-ragged', 'static'] as const;

/** Adaptive batching against the two static ones, on the chat mix, prefixes reused by none. */
export async function compareStatic(context: BenchContext): Promise<Comparison> {
  const sides = modes.map((mode) =>
    millraceSide(mode, context.model, [
      `--mode=${mode}`,
      '--no-prefix-reuse',
      `--threads=${context.threads}`,
    ]),
  );
  const speed = new Map<string, number[]>();
  const latency = new Map<string, number[]>();
  const typical = new Map<string, number[]>();
  const notes: string[] = [];
  const addTo = (map: Map<string, number[]>, name: string, value: number): void =>
    void map.set(name, [...(map.get(name) ?? []), value]);
  await inRounds(sides, {
    ...context,
    run: async (side, running, round) => {
      const mix = chatMix(round, mixSize);
      let next = 0;
      const result = await runSteady(
        running,
        () => mix[next++ % mixSize] as (typeof mix)[number],
        saturation,
      );
      if (result.failureCount > 0)
        notes.push(`${side.name}: ${result.failureCount} requests failed`);
      addTo(speed, side.name, result.tokensPerSecond);
    },
    onMissing: (side, reason) => notes.push(`${side.name}: ${reason}`),
  });
  const requestTokens =
    chatMix(0, mixSize).reduce((sum, load) => sum + load.outputTokens, 0) / mixSize;
  const perSecond = median(speed.get('static') ?? []) / requestTokens;
  await inRounds(
    sides.filter((side) => side.name !== 'static-ragged'),
    {
      ...context,
      rounds: 1,
      run: async (side, running) => {
        const result = await runOpenLoop(
          running,
          poissonArrivals(5, chatMix(77, requestCount), perSecond),
        );
        if (failureCount(result) > 0)
          notes.push(`${side.name}: ${failureCount(result)} requests failed`);
        const totals = result.requests.map((request) => request.totalMs);
        addTo(latency, side.name, quantile(totals, 0.99));
        addTo(typical, side.name, quantile(totals, 0.5));
      },
      onMissing: () => undefined,
    },
  );
  return summarise({ speed, latency, typical, perSecond, notes });
}

function summarise(step: {
  readonly speed: ReadonlyMap<string, readonly number[]>;
  readonly latency: ReadonlyMap<string, readonly number[]>;
  readonly typical: ReadonlyMap<string, readonly number[]>;
  readonly perSecond: number;
  readonly notes: readonly string[];
}): Comparison {
  const rows = (map: ReadonlyMap<string, readonly number[]>, name: string): readonly Figure[] =>
    [...map].map(([side, values]) => ({ comparison: 'chat mix', side, name, values }));
  const ratio = (map: ReadonlyMap<string, readonly number[]>, other: string): number =>
    median(map.get('adaptive') ?? []) / median(map.get(other) ?? []);
  const goals: readonly Goal[] = [
    goalAtLeast(
      'tokens/s at saturation, adaptive / static ≥ 2.2',
      ratio(step.speed, 'static'),
      2.2,
    ),
    goalAtLeast(
      'tokens/s at saturation, adaptive / static-ragged ≥ 1.5',
      ratio(step.speed, 'static-ragged'),
      1.5,
    ),
    goalAtMost(
      'p99 end to end at the load that static sustains, adaptive / static ≤ 0.55',
      ratio(step.latency, 'static'),
      0.55,
    ),
  ];
  const load = `The sustained load was ${step.perSecond.toFixed(2)} requests/s, what static manages at saturation, ${requestCount} requests.`;
  return {
    figures: [
      ...rows(step.speed, `tokens/s, ${saturation.concurrency} clients`),
      ...rows(step.latency, 'p99 end to end, ms'),
      ...rows(step.typical, 'p50 end to end, ms'),
    ],
    goals,
    notes: [...step.notes, load],
  };
}

export function goalAtLeast(text: string, reached: number, least: number): Goal {
  return { text, reached, isMet: reached >= least };
}

export function goalAtMost(text: string, reached: number, most: number): Goal {
  return { text, reached, isMet: reached <= most };
}
