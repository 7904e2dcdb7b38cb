import {
  failureCount,
  type LoadResult,
  quantile,
  runClosedLoop,
  tokensPerSecond,
} from '../load/run-load.ts';
import type { FigureBoard } from '../report/figure-board.ts';
import type { RunningSide } from '../sides/side.ts';
import { evenLoad, sharedPrefix } from '../workload/workloads.ts';

/** Streams at a time, and requests asked at each. */
const streamLoads: readonly (readonly [streams: number, requests: number])[] = [
  [1, 4],
  [8, 8],
  [32, 32],
];
const outputTokens = 48;
const intruderWords = 3300;

/** Names of the figures that peers are compared by. */
export const peerFigures = {
  one: 'tokens/s at 1 stream',
  eight: 'tokens/s at 8 streams',
  many: 'tokens/s at 32 streams',
  prefixTtft: 'shared prefix: ttft p50, ms',
  prefixSpeed: 'shared prefix: tokens/s',
  gap: 'long prompt arrives: worst gap of 6 streams, ms',
} as const;

const streamFigures: Readonly<Record<number, string>> = {
  1: peerFigures.one,
  8: peerFigures.eight,
  32: peerFigures.many,
};

/** One side in one round. */
export interface SideRun {
  readonly board: FigureBoard;
  readonly side: string;
  readonly running: RunningSide;
  readonly round: number;
}

/** All loads that peers are compared by, on one side that has served as many and as long requests before. */
export async function measurePeer(run: SideRun): Promise<void> {
  await warmUp(run);
  await measureStreams(run);
  await measureSharedPrefix(run);
  await measureIntruder(run);
}

/**
 * What follows is compared as it is once a server runs: ours takes memory for more and for longer requests when they
 * come, llama-server has taken all of it at start.
 */
async function warmUp({ running, round }: SideRun): Promise<void> {
  const many = evenLoad(500 + round, { count: 32, promptWords: 20, outputTokens: 8 });
  await runClosedLoop(running, many, many.length);
  // Long enough for all of them to be under way at once, as they will be when it counts.
  const long = sharedPrefix(600 + round, { count: 16, prefixWords: 900, outputTokens: 24 });
  await runClosedLoop(running, long, long.length);
}

async function measureStreams({ board, side, running, round }: SideRun): Promise<void> {
  for (const [streams, count] of streamLoads) {
    const loads = evenLoad(round * 100 + streams, { count, promptWords: 120, outputTokens });
    const result = await runClosedLoop(running, loads, streams);
    noteFailures(board, side, result);
    board.add(side, streamFigures[streams] ?? '', tokensPerSecond(result));
  }
}

async function measureSharedPrefix({ board, side, running, round }: SideRun): Promise<void> {
  const loads = sharedPrefix(700 + round, { count: 16, prefixWords: 900, outputTokens });
  const result = await runClosedLoop(running, loads, 16);
  noteFailures(board, side, result);
  const firsts = result.requests.map((request) => request.ttftMs);
  board.add(side, peerFigures.prefixTtft, quantile(firsts, 0.5));
  board.add(side, peerFigures.prefixSpeed, tokensPerSecond(result));
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
  const gaps = disturbed.requests.map((request) => request.worstGapMs);
  board.add(side, peerFigures.gap, Math.max(...gaps));
}

function noteFailures(board: FigureBoard, side: string, result: LoadResult): void {
  const failed = failureCount(result);
  const reason = result.requests.find((request) => request.outcome !== 'answered')?.reason ?? '';
  if (failed > 0)
    board.notes.push(`${side}: ${failed} of ${result.requests.length} requests failed: ${reason}`);
}
