import { FigureBoard } from '../report/figure-board.ts';
import type { Goal } from '../report/report.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import { vllmSide } from '../sides/vllm-side.ts';
import type { BenchContext, Comparison } from './comparison.ts';
import { goalAtLeast } from './goal.ts';
import { measurePeer, peerFigures } from './peer-loads.ts';
import { inRounds } from './rounds.ts';

/** Millrace against vLLM on the processor, where vLLM is installed or may be. */
export async function compareVllm(context: BenchContext): Promise<Comparison> {
  const { model, threads, mayInstall, onProgress } = context;
  const sides = [
    millraceSide('millrace', model, [`--threads=${threads}`]),
    vllmSide(model, { threads, sequencesMax: 32, contextTokensMax: 4096, mayInstall, onProgress }),
  ];
  const board = new FigureBoard('vllm', context.earlier);
  const firstRound = board.roundCount;
  await inRounds(sides, {
    ...context,
    run: async (side, running, round) => {
      await measurePeer({ board, side: side.name, running, round: firstRound + round });
      context.onFigures(board.figures);
    },
    onMissing: (side, reason) => board.notes.push(`${side.name}: ${reason}`),
  });
  return { figures: board.figures, goals: goalsOf(board), notes: [weights, ...board.notes] };
}

const weights =
  'vLLM reads no GGUF on a processor: its weights are those of the same file in bfloat16, ours are as the file has them.';

function goalsOf(board: FigureBoard): readonly Goal[] {
  const { one, eight, many, prefixSpeed } = peerFigures;
  const ratio = (name: string): number =>
    board.median('millrace', name) / board.median('vllm', name);
  return [
    goalAtLeast(`${one}, ours / theirs ≥ 2`, ratio(one), 2),
    goalAtLeast(`${eight}, ours / theirs ≥ 1.3`, ratio(eight), 1.3),
    goalAtLeast(`${many}, ours / theirs ≥ 1.0`, ratio(many), 1),
    goalAtLeast(`${prefixSpeed}, ours / theirs ≥ 1.5`, ratio(prefixSpeed), 1.5),
  ];
}
