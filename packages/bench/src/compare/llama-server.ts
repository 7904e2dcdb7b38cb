import { FigureBoard } from '../report/figure-board.ts';
import type { Goal } from '../report/report.ts';
import { llamaServerOrigin, llamaServerSide } from '../sides/llama-server-side.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import type { BenchContext, Comparison } from './comparison.ts';
import { goalAtLeast, goalAtMost } from './goal.ts';
import { measurePeer, peerFigures } from './peer-loads.ts';
import { inRounds } from './rounds.ts';

/** Millrace against llama.cpp's own server, at the better of its two layouts for each load. */
export async function compareLlamaServer(context: BenchContext): Promise<Comparison> {
  const { model, threads } = context;
  const shape = { slots: 32, threads };
  const origin = llamaServerOrigin(context.onProgress);
  const sides = [
    millraceSide('millrace', model, [`--threads=${threads}`]),
    llamaServerSide('llama-server unified', {
      model,
      origin,
      shape: { ...shape, cellsPerSlot: 512, isUnified: true },
    }),
    llamaServerSide('llama-server streams', {
      model,
      origin,
      // One request of the loads needs this many cells in a stream of its own.
      shape: { ...shape, cellsPerSlot: 4096, isUnified: false },
    }),
  ];
  const board = new FigureBoard('llama-server', context.earlier);
  const firstRound = board.roundCount;
  await inRounds(sides, {
    ...context,
    run: async (side, running, round) => {
      await measurePeer({ board, side: side.name, running, round: firstRound + round });
      context.onFigures(board.figures);
    },
    onMissing: (side, reason) => board.notes.push(`${side.name}: ${reason}`),
  });
  const origins = 'note' in origin ? [origin.note] : [];
  return { figures: board.figures, goals: goalsOf(board), notes: [...origins, ...board.notes] };
}

function goalsOf(board: FigureBoard): readonly Goal[] {
  const ratio = (name: string, better: 'more' | 'less'): number =>
    board.best('millrace', name, better) / board.best('llama-server', name, better);
  const { one, eight, many, prefixTtft, prefixSpeed, gap } = peerFigures;
  return [
    goalAtLeast(`${one}, ours / theirs ≥ 1.0`, ratio(one, 'more'), 1),
    goalAtLeast(`${eight}, ours / theirs ≥ 1.0`, ratio(eight, 'more'), 1),
    goalAtLeast(`${many}, ours / theirs ≥ 1.2`, ratio(many, 'more'), 1.2),
    goalAtMost(`${prefixTtft}, ours / theirs ≤ 0.2`, ratio(prefixTtft, 'less'), 0.2),
    goalAtLeast(`${prefixSpeed}, ours / theirs ≥ 4`, ratio(prefixSpeed, 'more'), 4),
    goalAtMost(`${gap}, ours / theirs ≤ 0.1`, ratio(gap, 'less'), 0.1),
  ];
}
