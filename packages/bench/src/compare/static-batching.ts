import { FigureBoard } from '../report/figure-board.ts';
import type { Goal } from '../report/report.ts';
import { azureLoads, azureScale, readAzureTrace, stretchTo } from '../workload/azure-trace.ts';
import { chatMix, poissonArrivals } from '../workload/workloads.ts';
import {
  type BatchingWorkload,
  measureLatency,
  measureSaturation,
  modeFigures,
  type ModesRun,
} from './batching-modes.ts';
import type { BenchContext, Comparison } from './comparison.ts';
import { goalAtLeast, goalAtMost } from './goal.ts';

/** Requests of a mix that are drawn before they repeat. */
const mixSize = 512;
/** Requests at the sustained load, and in a run that only shows that everything works. */
const requestCount = 160;
const quickRequestCount = 6;

type Measure = (run: ModesRun) => Promise<void>;

/** Adaptive batching against the two static ones on the chat mix: speed at saturation. */
export async function compareStaticSpeed(context: BenchContext): Promise<Comparison> {
  return onChatMix(context, [measureSaturation]);
}

/** The same: time end to end at the load that static sustains, which the speed has told before. */
export async function compareStaticLatency(context: BenchContext): Promise<Comparison> {
  return onChatMix(context, [measureLatency]);
}

/** Both on recorded traffic, where it is at hand. It has no goals: it is told as it comes. */
export async function compareRecorded(context: BenchContext): Promise<Comparison> {
  const recorded = azureWorkload(context);
  if ('unavailable' in recorded) {
    const skipped = `Azure conversation: skipped, ${recorded.unavailable}`;
    return { figures: [], goals: [], notes: [skipped] };
  }
  const board = new FigureBoard(recorded.name, context.earlier);
  await measureSaturation({ context, workload: recorded, board });
  await measureLatency({ context, workload: recorded, board });
  return {
    figures: board.figures,
    goals: [],
    notes: [...board.notes, scaleNote, ratiosNote(board)],
  };
}

async function onChatMix(context: BenchContext, measures: readonly Measure[]): Promise<Comparison> {
  const count = context.isQuick ? quickRequestCount : requestCount;
  const board = new FigureBoard('chat mix', context.earlier);
  for (const measure of measures) await measure({ context, workload: chatWorkload(count), board });
  return { figures: board.figures, goals: goalsOf(board), notes: board.notes };
}

function chatWorkload(count: number): BatchingWorkload {
  return {
    name: 'chat mix',
    mix: (round) => chatMix(round, mixSize),
    arrivals: (perSecond) => poissonArrivals(5, chatMix(77, count), perSecond),
  };
}

function azureWorkload(context: BenchContext): BatchingWorkload | { readonly unavailable: string } {
  const count = context.isQuick ? quickRequestCount : requestCount;
  const trace = readAzureTrace(context.traces);
  if ('unavailable' in trace) return trace;
  return {
    name: 'Azure conversation',
    mix: (round) => azureLoads(trace, { seed: round, count: mixSize }).map(({ load }) => load),
    arrivals: (perSecond) => stretchTo(perSecond, azureLoads(trace, { seed: 77, count })),
  };
}

const scaleNote =
  `Azure conversation: prompts are ÷ ${azureScale.promptDivisor}, within ${azureScale.promptTokensMin} to ${azureScale.promptTokensMax} tokens, ` +
  `answers ÷ ${azureScale.outputDivisor}, within ${azureScale.outputTokensMin} to ${azureScale.outputTokensMax}; ` +
  'times are stretched evenly to the sustained load, so that bursts stay. Only lengths and times are recorded: the words are ours.';

function ratiosNote(board: FigureBoard): string {
  const shown = (name: string, other: string): string => ratio(board, name, other).toFixed(2);
  return (
    `Azure conversation: tokens/s at saturation, adaptive / static ${shown(modeFigures.speed, 'static')}, ` +
    `adaptive / static-ragged ${shown(modeFigures.speed, 'static-ragged')}; ` +
    `p99 end to end, adaptive / static ${shown(modeFigures.p99, 'static')}.`
  );
}

function ratio(board: FigureBoard, name: string, other: string): number {
  return board.median('adaptive', name) / board.median(other, name);
}

function goalsOf(board: FigureBoard): readonly Goal[] {
  const { speed, p99 } = modeFigures;
  const goals = [
    goalAtLeast(`${speed}, adaptive / static ≥ 2.2`, ratio(board, speed, 'static'), 2.2),
    goalAtLeast(
      `${speed}, adaptive / static-ragged ≥ 1.5`,
      ratio(board, speed, 'static-ragged'),
      1.5,
    ),
    goalAtMost(
      'p99 end to end at the load that static sustains, adaptive / static ≤ 0.55',
      ratio(board, p99, 'static'),
      0.55,
    ),
  ];
  return goals.filter(({ reached }) => !Number.isNaN(reached));
}
