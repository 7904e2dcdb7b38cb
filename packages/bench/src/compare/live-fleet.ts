import type { LoadRequest } from '../load/measured-request.ts';
import { failureCount, type LoadResult, quantile, runClosedLoop } from '../load/run-load.ts';
import { type Figure, type Goal, median } from '../report/report.ts';
import { fleetSide } from '../sides/fleet-side.ts';
import { wordsOf } from '../workload/workloads.ts';
import { seededPrng } from '@millrace/stdx';
import type { BenchContext, Comparison } from './comparison.ts';
import { inRounds } from './rounds.ts';
import { goalAtLeast } from './goal.ts';

const engineCount = 4;
/** Beginnings in common: more than the caches of one engine hold, no more than those of all. */
const topicCount = 16;
const shape = { requestCount: 96, prefixWords: 500, outputTokens: 24, clients: 8 };
/** An answer counts as good when its first token comes within this. */
const ttftMsMax = 2000;
/**
 * Small caches, so that the fleet has to divide the prefixes: beside what is being answered, host memory for about five
 * prefixes of the default model, which take 20 MB each. The engine's own memory grows with what is answered at once only.
 */
const flags = ['--threads=1', '--kv-bytes-max=400000000', '--host-cache-bytes-max=100000000'];
const policies = ['prefix', 'least-load', 'round-robin'] as const;

/** Four engines on traffic whose prompts share beginnings: choosing by prefix against choosing without regard to it. */
export async function compareLiveFleet(context: BenchContext): Promise<Comparison> {
  const sides = policies.map((policy) =>
    fleetSide({ policy, model: context.model, engineCount, flags }),
  );
  const values = new Map<string, Map<string, number[]>>();
  const notes: string[] = [];
  const add = (side: string, name: string, value: number): void => {
    const ofSide = values.get(side) ?? new Map<string, number[]>();
    values.set(side, ofSide.set(name, [...(ofSide.get(name) ?? []), value]));
  };
  await inRounds(sides, {
    ...context,
    run: async (side, running, round) => {
      // What each topic's first request costs is the same for all: it is not what is compared.
      await runClosedLoop(running, topicLoads(round, topicCount), shape.clients);
      const result = await runClosedLoop(
        running,
        topicLoads(round, shape.requestCount),
        shape.clients,
      );
      const failed = failureCount(result);
      if (failed > 0) notes.push(`${side.name}: ${failed} requests failed`);
      add(side.name, 'goodput, requests/s', goodputOf(result));
      add(side.name, 'ttft p50, ms', ttftOf(result, 0.5));
      add(side.name, 'ttft p99, ms', ttftOf(result, 0.99));
      add(side.name, 'prompt tokens from caches a request', cachedOf(result));
    },
    onMissing: (side, reason) => notes.push(`${side.name}: ${reason}`),
  });
  return { ...summarise(values), notes: [...notes, loadNote] };
}

const loadNote = `${engineCount} engines of one thread each; ${topicCount} beginnings of ${shape.prefixWords} words; ${shape.clients} clients; good: first token within ${ttftMsMax} ms.`;

/** Requests that each begin with one of the topics, in an order drawn by the seed. */
function topicLoads(seed: number, count: number): readonly LoadRequest[] {
  const topics = Array.from({ length: topicCount }, (_, topic) => {
    const random = seededPrng(seed * 1000 + topic);
    return `${topic} ${wordsOf(random, shape.prefixWords)}`;
  });
  const random = seededPrng(seed + count);
  return Array.from({ length: count }, (_, index) => {
    const topic = count === topicCount ? index : random.below(topicCount);
    return {
      prompt: `${topics[topic]} question ${index} ${wordsOf(random, 8)}`,
      outputTokens: shape.outputTokens,
    };
  });
}

function goodputOf({ requests, elapsedMs }: LoadResult): number {
  const good = requests.filter(
    ({ outcome, ttftMs }) => outcome === 'answered' && ttftMs <= ttftMsMax,
  );
  return (good.length * 1000) / elapsedMs;
}

function ttftOf({ requests }: LoadResult, q: number): number {
  return quantile(
    requests.map(({ ttftMs }) => ttftMs),
    q,
  );
}

function cachedOf({ requests }: LoadResult): number {
  return requests.reduce((sum, { cachedTokens }) => sum + cachedTokens, 0) / requests.length;
}

function summarise(
  values: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>,
): Pick<Comparison, 'figures' | 'goals'> {
  const figures = [...values].flatMap(([side, ofSide]) =>
    [...ofSide].map(([name, list]): Figure => ({
      comparison: 'live fleet',
      side,
      name,
      values: list,
    })),
  );
  const goodput = (side: string): number =>
    median(values.get(side)?.get('goodput, requests/s') ?? []);
  const goals: readonly Goal[] = [
    goalAtLeast(
      'goodput, prefix / round robin ≥ 1.5',
      goodput('prefix') / goodput('round-robin'),
      1.5,
    ),
  ];
  return { figures, goals };
}
