import { runClosedLoop } from '../load/run-load.ts';
import { FigureBoard } from '../report/figure-board.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import type { RunningSide } from '../sides/side.ts';
import { evenLoad, sharedPrefix } from '../workload/workloads.ts';
import type { BenchContext, Comparison } from './comparison.ts';
import { goalAtMost } from './goal.ts';
import { inRounds } from './rounds.ts';

const figures = {
  outside: 'step time outside libllama at 8 streams, ratio',
  error: 'predictor error, ratio',
  reuse: 'requests of 8 that take a shared prefix from others',
} as const;

/** What our own part of a step costs, how much is reused, and how well steps are predicted. */
export async function measureOverhead(context: BenchContext): Promise<Comparison> {
  const board = new FigureBoard('overhead', context.earlier);
  const firstRound = board.roundCount;
  await inRounds([millraceSide('millrace', context.model, [`--threads=${context.threads}`])], {
    ...context,
    run: (_side, running, round) => measureOnce(board, running, firstRound + round),
    onMissing: () => undefined,
  });
  const goal = goalAtMost(
    'step time outside libllama at 8 streams ≤ 0.03',
    board.median('millrace', figures.outside),
    0.03,
  );
  return { figures: board.figures, goals: [goal], notes: board.notes };
}

async function measureOnce(board: FigureBoard, running: RunningSide, round: number): Promise<void> {
  const loads = evenLoad(round, { count: 8, promptWords: 60, outputTokens: 160 });
  await runClosedLoop(running, loads, 8);
  const metrics = await (await fetch(`${running.url}/metrics`)).text();
  const outside =
    valueOf(metrics, 'millrace_engine_overhead_seconds_total') /
    valueOf(metrics, 'millrace_engine_steps_seconds_total');
  board.add('millrace', figures.outside, outside);
  board.add('millrace', figures.error, valueOf(metrics, 'millrace_engine_predictor_error_ratio'));
  const alike = sharedPrefix(round, { count: 8, prefixWords: 400, outputTokens: 8 });
  const shared = await runClosedLoop(running, alike, 8);
  const reused = shared.requests.filter((request) => request.cachedTokens > 0).length;
  board.add('millrace', figures.reuse, reused);
}

function valueOf(metrics: string, name: string): number {
  const line = metrics
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}{`) || candidate.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1));
}
