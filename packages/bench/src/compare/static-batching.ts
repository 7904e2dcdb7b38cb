import { type Goal, median } from '../report/report.ts';
import { azureLoads, azureScale, readAzureTrace, stretchTo } from '../workload/azure-trace.ts';
import { chatMix, poissonArrivals } from '../workload/workloads.ts';
import { type BatchingWorkload, measureModes, type ModesFound } from './batching-modes.ts';
import type { BenchContext, Comparison } from './comparison.ts';

/** Requests of a mix that are drawn before they repeat. */
const mixSize = 512;
/** Requests at the sustained load, and in a run that only shows that everything works. */
const requestCount = 160;
const quickRequestCount = 6;

/** Adaptive batching against the two static ones, on the chat mix and, where it is at hand, on recorded traffic. */
export async function compareStatic(context: BenchContext): Promise<Comparison> {
  const count = context.isQuick ? quickRequestCount : requestCount;
  const chat = await measureModes(context, chatWorkload(count));
  const recorded = azureWorkload(context, count);
  if ('unavailable' in recorded) {
    const skipped = `Azure conversation: skipped, ${recorded.unavailable}`;
    return { figures: chat.figures, goals: goalsOf(chat), notes: [...chat.notes, skipped] };
  }
  const azure = await measureModes(context, recorded);
  return {
    figures: [...chat.figures, ...azure.figures],
    goals: goalsOf(chat),
    notes: [...chat.notes, ...azure.notes, scaleNote, ratiosNote(azure)],
  };
}

function chatWorkload(count: number): BatchingWorkload {
  return {
    name: 'chat mix',
    mix: (round) => chatMix(round, mixSize),
    arrivals: (perSecond) => poissonArrivals(5, chatMix(77, count), perSecond),
  };
}

function azureWorkload(
  context: BenchContext,
  count: number,
): BatchingWorkload | { readonly unavailable: string } {
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

/** This workload has no goals: it is told as it comes. */
function ratiosNote(found: ModesFound): string {
  const shown = (map: ModesFound['speed'], other: string): string => ratio(map, other).toFixed(2);
  return (
    `Azure conversation: tokens/s at saturation, adaptive / static ${shown(found.speed, 'static')}, ` +
    `adaptive / static-ragged ${shown(found.speed, 'static-ragged')}; ` +
    `p99 end to end, adaptive / static ${shown(found.latency, 'static')}.`
  );
}

function ratio(map: ModesFound['speed'], other: string): number {
  return median(map.get('adaptive') ?? []) / median(map.get(other) ?? []);
}

function goalsOf({ speed, latency }: ModesFound): readonly Goal[] {
  return [
    goalAtLeast('tokens/s at saturation, adaptive / static ≥ 2.2', ratio(speed, 'static'), 2.2),
    goalAtLeast(
      'tokens/s at saturation, adaptive / static-ragged ≥ 1.5',
      ratio(speed, 'static-ragged'),
      1.5,
    ),
    goalAtMost(
      'p99 end to end at the load that static sustains, adaptive / static ≤ 0.55',
      ratio(latency, 'static'),
      0.55,
    ),
  ];
}

export function goalAtLeast(text: string, reached: number, least: number): Goal {
  return { text, reached, isMet: reached >= least };
}

export function goalAtMost(text: string, reached: number, most: number): Goal {
  return { text, reached, isMet: reached <= most };
}
