import { existsSync, readFileSync } from 'node:fs';
import type { BenchContext, Comparison } from './compare/comparison.ts';
import { compareLiveFleet } from './compare/live-fleet.ts';
import { compareLlamaServer } from './compare/llama-server.ts';
import { measureOverhead } from './compare/overhead.ts';
import {
  compareRecorded,
  compareStaticLatency,
  compareStaticSpeed,
} from './compare/static-batching.ts';
import { compareVllm } from './compare/vllm.ts';
import { type Figure, report, reportPath } from './report/report.ts';

type Part = (context: BenchContext) => Promise<Comparison>;

const parts: Readonly<Record<string, Part>> = {
  overhead: measureOverhead,
  'static-speed': compareStaticSpeed,
  'static-latency': compareStaticLatency,
  recorded: compareRecorded,
  'llama-server': compareLlamaServer,
  vllm: compareVllm,
  fleet: compareLiveFleet,
};

/** Words that mean several parts. */
const groups: Readonly<Record<string, readonly string[]>> = {
  static: ['static-speed', 'static-latency', 'recorded'],
};

/** Without a choice: all that says how the engine does. */
const usual = 'overhead,static,llama-server,vllm';

/** What can be chosen. */
export const engineParts: readonly string[] = [...Object.keys(groups), ...Object.keys(parts)];

/** The parts that a list of words means, or the first word that means none. */
export function chosenParts(
  only: string = usual,
): readonly string[] | { readonly unknown: string } {
  const words = only.split(',');
  const unknown = words.find((word) => !engineParts.includes(word));
  return unknown === undefined ? words.flatMap((word) => groups[word] ?? [word]) : { unknown };
}

/** Runs comparisons one after the other; the table of all, with what earlier runs have found where it goes on. */
export async function benchEngine(
  context: BenchContext,
  step: { readonly chosen: readonly string[]; readonly command: string },
): Promise<string> {
  const before = context.goesOn ? earlierResults() : nothing;
  let found: Comparison = before;
  for (const name of step.chosen) {
    const part = parts[name];
    if (part === undefined) continue;
    const before = found;
    const onFigures = (figures: readonly Figure[]): void => {
      found = joined(before, { figures, goals: [], notes: [] });
      report({ name: 'engine', command: step.command, ...found });
    };
    const more = await part({ ...context, earlier: before.figures, onFigures });
    found = joined(before, more);
  }
  return report({ name: 'engine', command: step.command, ...found });
}

const nothing: Comparison = { figures: [], goals: [], notes: [] };

function earlierResults(): Comparison {
  const path = reportPath('engine', 'json');
  if (!existsSync(path)) return nothing;
  return JSON.parse(readFileSync(path, 'utf8')) as Comparison;
}

/** What a part has found takes the place of what was there of the same comparison. */
export function joined(before: Comparison, more: Comparison): Comparison {
  const comparisons = new Set(more.figures.map(({ comparison }) => comparison));
  const goals = new Set(more.goals.map(({ text }) => text));
  return {
    figures: [
      ...before.figures.filter(({ comparison }) => !comparisons.has(comparison)),
      ...more.figures,
    ],
    goals: [...before.goals.filter(({ text }) => !goals.has(text)), ...more.goals],
    notes: [...new Set([...before.notes, ...more.notes])],
  };
}
