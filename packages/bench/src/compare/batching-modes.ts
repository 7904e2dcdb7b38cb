import { failureCount, quantile, runOpenLoop } from '../load/run-load.ts';
import type { LoadRequest } from '../load/measured-request.ts';
import { runSteady } from '../load/run-steady.ts';
import type { FigureBoard } from '../report/figure-board.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import type { Side } from '../sides/side.ts';
import type { BenchContext } from './comparison.ts';
import { inRounds } from './rounds.ts';

/** Clients that never pause, the time until pools have grown and batches overlap, and the time that counts. */
const saturation = { concurrency: 32, warmMs: 8000, windowMs: 25_000 };
/** The same for a run that only shows that everything works. */
const quickSaturation = { concurrency: 8, warmMs: 1000, windowMs: 3000 };
const modes = ['adaptive', 'static-ragged', 'static'] as const;

/** Names of the figures that modes are compared by. */
export const modeFigures = {
  speed: 'tokens/s at saturation',
  p50: 'p50 end to end, ms',
  p99: 'p99 end to end, ms',
} as const;

/** What batching modes are measured by. */
export interface BatchingWorkload {
  readonly name: string;
  /** Requests for saturation, drawn anew each round; they repeat when they are spent. */
  mix(round: number): readonly LoadRequest[];
  /** Requests at this mean rate. */
  arrivals(perSecond: number): readonly { readonly load: LoadRequest; readonly atMs: number }[];
}

/** One workload on all modes; prefixes are reused by none. */
export interface ModesRun {
  readonly context: BenchContext;
  readonly workload: BatchingWorkload;
  readonly board: FigureBoard;
}

/** How fast each mode is when clients never pause. */
export async function measureSaturation({ context, workload, board }: ModesRun): Promise<void> {
  const firstRound = board.values('static', modeFigures.speed).length;
  await inRounds(sidesOf(context, modes), {
    ...context,
    run: async (side, running, round) => {
      const mix = workload.mix(firstRound + round);
      let next = 0;
      const draw = (): LoadRequest => mix[next++ % mix.length] as LoadRequest;
      const result = await runSteady(running, draw, shapeOf(context));
      noteFailures(board, side, result.failureCount);
      board.add(side.name, modeFigures.speed, result.tokensPerSecond);
      context.onFigures(board.figures);
    },
    onMissing: (side, reason) => board.notes.push(`${side.name}: ${reason}`),
  });
}

/** How long requests take in adaptive and in static mode at the load that static sustains. */
export async function measureLatency({ context, workload, board }: ModesRun): Promise<void> {
  const mix = workload.mix(0);
  const requestTokens = mix.reduce((sum, load) => sum + load.outputTokens, 0) / mix.length;
  const perSecond = board.median('static', modeFigures.speed) / requestTokens;
  if (!(perSecond > 0)) {
    board.notes.push(`${workload.name}: no speed of static is known, which tells the load`);
    return;
  }
  const arrivals = workload.arrivals(perSecond);
  await inRounds(sidesOf(context, ['adaptive', 'static']), {
    ...context,
    rounds: 1,
    run: async (side, running) => {
      const result = await runOpenLoop(running, arrivals);
      noteFailures(board, side, failureCount(result));
      const totals = result.requests.map((request) => request.totalMs);
      board.add(side.name, modeFigures.p50, quantile(totals, 0.5));
      board.add(side.name, modeFigures.p99, quantile(totals, 0.99));
      context.onFigures(board.figures);
    },
    onMissing: () => undefined,
  });
  board.notes.push(
    `${workload.name}: the sustained load was ${perSecond.toFixed(2)} requests/s, what static manages at saturation; ${arrivals.length} requests a side.`,
  );
}

function sidesOf(context: BenchContext, names: readonly string[]): readonly Side[] {
  return names.map((mode) =>
    millraceSide(mode, context.model, [
      `--mode=${mode}`,
      '--no-prefix-reuse',
      `--threads=${context.threads}`,
    ]),
  );
}

function shapeOf(context: BenchContext): typeof saturation {
  return context.isQuick ? quickSaturation : saturation;
}

function noteFailures(board: FigureBoard, side: Side, count: number): void {
  if (count > 0) board.notes.push(`${side.name}: ${count} requests failed`);
}
