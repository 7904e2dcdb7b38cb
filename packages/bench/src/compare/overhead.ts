import { runClosedLoop } from '../load/run-load.ts';
import type { Figure } from '../report/report.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import { evenLoad, sharedPrefix } from '../workload/workloads.ts';
import type { BenchContext, Comparison } from './comparison.ts';
import { inRounds } from './rounds.ts';
import { goalAtMost } from './static-batching.ts';

/** What our own part of a step costs, how much is reused, and how well steps are predicted. */
export async function measureOverhead(context: BenchContext): Promise<Comparison> {
  const values = new Map<string, number[]>();
  const add = (name: string, value: number): void =>
    void values.set(name, [...(values.get(name) ?? []), value]);
  await inRounds([millraceSide('millrace', context.model, [`--threads=${context.threads}`])], {
    ...context,
    run: async (_side, running, round) => {
      await runClosedLoop(
        running,
        evenLoad(round, { count: 8, promptWords: 60, outputTokens: 160 }),
        8,
      );
      const metrics = await (await fetch(`${running.url}/metrics`)).text();
      add(
        'step time outside libllama at 8 streams, ratio',
        valueOf(metrics, 'millrace_engine_overhead_seconds_total') /
          valueOf(metrics, 'millrace_engine_steps_seconds_total'),
      );
      add('predictor error, ratio', valueOf(metrics, 'millrace_engine_predictor_error_ratio'));
      const shared = await runClosedLoop(
        running,
        sharedPrefix(round, { count: 8, prefixWords: 400, outputTokens: 8 }),
        8,
      );
      const reused = shared.requests.filter((request) => request.cachedTokens > 0).length;
      add('requests of 8 that take a shared prefix from others', reused);
    },
    onMissing: () => undefined,
  });
  const figures: readonly Figure[] = [...values].map(([name, list]) => ({
    comparison: 'overhead',
    side: 'millrace',
    name,
    values: list,
  }));
  const outside = values.get('step time outside libllama at 8 streams, ratio') ?? [];
  const worst = Math.max(...outside);
  return {
    figures,
    goals: [goalAtMost('step time outside libllama at 8 streams ≤ 0.03', worst, 0.03)],
    notes: [],
  };
}

function valueOf(metrics: string, name: string): number {
  const line = metrics
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}{`) || candidate.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1));
}
