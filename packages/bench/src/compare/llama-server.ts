import {
  failureCount,
  type LoadResult,
  quantile,
  runClosedLoop,
  tokensPerSecond,
} from '../load/run-load.ts';
import { type Figure, type Goal, median } from '../report/report.ts';
import { llamaServerSide } from '../sides/llama-server-side.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import type { RunningSide } from '../sides/side.ts';
import { evenLoad, sharedPrefix } from '../workload/workloads.ts';
import type { BenchContext, Comparison } from './comparison.ts';
import { inRounds } from './rounds.ts';
import { goalAtLeast, goalAtMost } from './static-batching.ts';

/** Streams at a time, and requests asked at each. */
const streamLoads: readonly (readonly [streams: number, requests: number])[] = [
  [1, 2],
  [8, 8],
  [32, 32],
];
const outputTokens = 48;
const intruderWords = 3300;

/** Figures by side and name. */
class Board {
  readonly figures = new Map<string, Map<string, number[]>>();
  readonly notes: string[] = [];

  add(side: string, name: string, value: number): void {
    const ofSide = this.figures.get(side) ?? new Map<string, number[]>();
    this.figures.set(side, ofSide);
    ofSide.set(name, [...(ofSide.get(name) ?? []), value]);
  }

  /** The median of the better of the sides whose name begins so. */
  best(prefix: string, name: string, better: 'more' | 'less'): number {
    const medians = [...this.figures].flatMap(([side, ofSide]) => {
      const values = ofSide.get(name);
      return side.startsWith(prefix) && values !== undefined ? [median(values)] : [];
    });
    return better === 'more' ? Math.max(...medians) : Math.min(...medians);
  }
}

/** One side in one round. */
interface SideRun {
  readonly board: Board;
  readonly side: string;
  readonly running: RunningSide;
  readonly round: number;
}

/** Millrace against llama.cpp's own server, at the better of its two layouts for each load. */
export async function compareLlamaServer(context: BenchContext): Promise<Comparison> {
  const { model, threads } = context;
  const shape = { slots: 32, cellsPerSlot: 512, threads };
  const sides = [
    millraceSide('millrace', model, [`--threads=${threads}`]),
    llamaServerSide('llama-server unified', model, { ...shape, isUnified: true }),
    llamaServerSide('llama-server streams', model, {
      ...shape,
      cellsPerSlot: 2048,
      isUnified: false,
    }),
  ];
  const board = new Board();
  await inRounds(sides, {
    ...context,
    run: async (side, running, round) => {
      await runClosedLoop(
        running,
        evenLoad(500 + round, { count: 2, promptWords: 20, outputTokens: 8 }),
        2,
      );
      const run = { board, side: side.name, running, round };
      await measureStreams(run);
      await measureSharedPrefix(run);
      await measureIntruder(run);
    },
    onMissing: (side, reason) => board.notes.push(`${side.name}: ${reason}`),
  });
  return summarise(board);
}

async function measureStreams({ board, side, running, round }: SideRun): Promise<void> {
  for (const [streams, count] of streamLoads) {
    const loads = evenLoad(round * 100 + streams, { count, promptWords: 120, outputTokens });
    const result = await runClosedLoop(running, loads, streams);
    noteFailures(board, side, result);
    board.add(side, `tokens/s at ${streams} streams`, tokensPerSecond(result));
  }
}

async function measureSharedPrefix({ board, side, running, round }: SideRun): Promise<void> {
  const loads = sharedPrefix(700 + round, { count: 16, prefixWords: 900, outputTokens });
  const result = await runClosedLoop(running, loads, 16);
  noteFailures(board, side, result);
  board.add(
    side,
    'shared prefix: ttft p50, ms',
    quantile(
      result.requests.map((request) => request.ttftMs),
      0.5,
    ),
  );
  board.add(side, 'shared prefix: tokens/s', tokensPerSecond(result));
}

async function measureIntruder({ board, side, running, round }: SideRun): Promise<void> {
  const runners = runClosedLoop(
    running,
    evenLoad(800 + round, { count: 6, promptWords: 40, outputTokens: 200 }),
    6,
  );
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const intruder = runClosedLoop(
    running,
    evenLoad(900 + round, { count: 1, promptWords: intruderWords, outputTokens: 2 }),
    1,
  );
  const [disturbed, result] = await Promise.all([runners, intruder]);
  noteFailures(board, side, disturbed);
  noteFailures(board, side, result);
  board.add(
    side,
    'long prompt arrives: worst gap of 6 streams, ms',
    Math.max(...disturbed.requests.map((request) => request.worstGapMs)),
  );
}

function noteFailures(board: Board, side: string, result: LoadResult): void {
  const failed = failureCount(result);
  const reason = result.requests.find((request) => request.outcome !== 'answered')?.reason ?? '';
  if (failed > 0)
    board.notes.push(`${side}: ${failed} of ${result.requests.length} requests failed: ${reason}`);
}

function summarise(board: Board): Comparison {
  const figures: readonly Figure[] = [...board.figures].flatMap(([side, ofSide]) =>
    [...ofSide].map(([name, values]) => ({ comparison: 'llama-server', side, name, values })),
  );
  const more = (name: string): number =>
    board.best('millrace', name, 'more') / board.best('llama-server', name, 'more');
  const less = (name: string): number =>
    board.best('millrace', name, 'less') / board.best('llama-server', name, 'less');
  const goals: readonly Goal[] = [
    goalAtLeast('tokens/s at 1 stream, ours / theirs ≥ 1.0', more('tokens/s at 1 streams'), 1),
    goalAtLeast('tokens/s at 8 streams ≥ 1.0', more('tokens/s at 8 streams'), 1),
    goalAtLeast('tokens/s at 32 streams ≥ 1.2', more('tokens/s at 32 streams'), 1.2),
    goalAtMost('shared prefix, ttft p50 ≤ 0.2', less('shared prefix: ttft p50, ms'), 0.2),
    goalAtLeast('shared prefix, tokens/s ≥ 4', more('shared prefix: tokens/s'), 4),
    goalAtMost(
      'worst gap while a long prompt arrives ≤ 0.1',
      less('long prompt arrives: worst gap of 6 streams, ms'),
      0.1,
    ),
  ];
  const handicap =
    'llama-server is the wheel xllamacpp: its prefill is 1.4 to 1.5 times slower than that of our library, its decode at one sequence level.';
  return { figures, goals, notes: [handicap, ...board.notes] };
}
