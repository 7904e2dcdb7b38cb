import { join } from 'node:path';
import { messageOf, seededPrng } from '@millrace/stdx';
import { compileFaults, type FaultPrograms } from '../faults/compile-faults.ts';
import { type FaultKind, faultKinds } from '../faults/fault-plans.ts';
import { type Judgement, judgeCase } from '../faults/judge-case.ts';
import { KeptTraces } from '../faults/kept-traces.ts';
import { Observer } from '../faults/observer.ts';
import { runCase } from '../faults/run-case.ts';
import { scoreTables } from '../faults/score-tables.ts';
import { type Score, scoreOf, type Share } from '../faults/score.ts';
import { whyNoFaults } from '../faults/why-no-faults.ts';
import type { Comparison } from './comparison.ts';

/** How faults are made and judged. */
export interface AttributionOptions {
  readonly seeds: readonly number[];
  /** Names of faults; all of them where it is empty. */
  readonly only: readonly string[];
  /** Makes nothing and judges what was kept. */
  readonly isReplay: boolean;
  /** Cases that are kept from before count and are not made again. */
  readonly continues: boolean;
  /** No further case begins after this long. */
  readonly minutesMax: number;
  /** No further case begins once it aborts; what was made is judged. */
  readonly signal: AbortSignal;
  readonly onProgress: (text: string) => void;
}

/** The article's figure for failures classified right, in percent, and the bounds that go with it. */
const goals = { right: 91.3, abstained: 5, falseAlarms: 2 };
const tries = 2;

/** Makes each fault with each seed, keeps the raw traces, and judges all that are kept of these faults and seeds. */
export async function measureAttribution(
  options: AttributionOptions,
): Promise<Comparison & { readonly tables: string }> {
  const kinds = faultKinds.filter(
    ({ name }) => options.only.length === 0 || options.only.includes(name),
  );
  const kept = new KeptTraces(join('results', 'attribution'));
  const failures = options.isReplay ? [] : await makeAll(kinds, options, kept);
  const judgements = judgeAll(kinds, options, kept);
  const development = scoreOf(judgements.filter(({ seed }) => seed % 2 === 1));
  const heldOut = scoreOf(judgements.filter(({ seed }) => seed % 2 === 0));
  return {
    figures: [...figuresOf('development', development), ...figuresOf('held out', heldOut)],
    goals: goalsOf(heldOut),
    notes: [
      'Odd seeds were used while building; even seeds were first run when every threshold stood.',
      'A case counts when witnesses other than the probes say that its fault came about and its ends felt at least 40 ms and twice the usual gap; a run without a fault counts when its ends felt nothing. Where a fault other than competition for the core was made, 100 ms of that in schedstat discard a case.',
      'Bounds in brackets are Wilson intervals of 95 %.',
      ...failures,
    ],
    tables: [
      scoreTables('Held out (even seeds)', heldOut),
      scoreTables('Development (odd seeds)', development),
    ].join('\n'),
  };
}

async function makeAll(
  kinds: readonly FaultKind[],
  options: AttributionOptions,
  kept: KeptTraces,
): Promise<readonly string[]> {
  const programs = compileFaults();
  const why = whyNoFaults() ?? ('unavailable' in programs ? programs.unavailable : undefined);
  if (why !== undefined || 'unavailable' in programs) return [`no fault was made: it ${why}`];
  const cases = casesOf(kinds, options.seeds);
  if (!options.continues) for (const { kind, seed } of cases) kept.drop(kind.name, seed);
  using observer = new Observer();
  const failures: string[] = [];
  const beginMs = performance.now();
  const minutes = (): number => (performance.now() - beginMs) / 60_000;
  let made = 0;
  for (const { kind, seed } of cases) {
    if (kept.has(kind.name, seed)) continue;
    if (options.signal.aborted || minutes() >= options.minutesMax) {
      failures.push(`ended before seed ${seed}, ${kind.name}; --continue goes on from there`);
      break;
    }
    const failure = await makeOne(kind, seed, { programs, observer, kept });
    if (failure !== undefined) failures.push(failure);
    made++;
    options.onProgress(`seed ${seed}: ${kind.name}, ${minutes().toFixed(1)} minutes`);
  }
  return [...failures, paceOf(made, minutes())];
}

interface Case {
  readonly kind: FaultKind;
  readonly seed: number;
}

/** Seed by seed, so that a run that is cut short has all faults alike. */
function casesOf(kinds: readonly FaultKind[], seeds: readonly number[]): readonly Case[] {
  return seeds.flatMap((seed) => kinds.map((kind) => ({ kind, seed })));
}

function paceOf(made: number, minutes: number): string {
  const each = made === 0 ? '' : `, ${((minutes * 60) / made).toFixed(2)} s each`;
  return `${made} cases were made in ${minutes.toFixed(1)} minutes${each}`;
}

async function makeOne(
  kind: FaultKind,
  seed: number,
  tools: {
    readonly programs: FaultPrograms;
    readonly observer: Observer;
    readonly kept: KeptTraces;
  },
): Promise<string | undefined> {
  let failure = '';
  for (let attempt = 0; attempt < tries; attempt++) {
    try {
      const random = seededPrng(seed * 1_009 + hashOf(kind.name));
      tools.kept.keep(await runCase(kind, { seed, random }, tools));
      return undefined;
    } catch (error) {
      failure = messageOf(error);
    }
  }
  return `${kind.name}, seed ${seed}, was not made: ${failure}`;
}

function judgeAll(
  kinds: readonly FaultKind[],
  { seeds }: AttributionOptions,
  kept: KeptTraces,
): readonly Judgement[] {
  const judgements: Judgement[] = [];
  for (const trace of kept.read()) {
    const kind = kinds.find(({ name }) => name === trace.fault);
    if (kind === undefined || !seeds.includes(trace.seed)) continue;
    judgements.push(judgeCase(trace, kind));
  }
  return judgements;
}

function figuresOf(comparison: string, score: Score): Comparison['figures'] {
  const figure = (name: string, share: Share): Comparison['figures'][number] => ({
    comparison,
    side: 'attribution',
    name: `${name}, % of ${share.of} [${percent(share.low)}, ${percent(share.high)}]`,
    values: [percent(share.hits / share.of)],
  });
  return [
    figure('right', score.right),
    figure('abstained', score.abstained),
    figure('false alarms without a fault', score.falseAlarms),
  ];
}

function goalsOf({ right, abstained, falseAlarms }: Score): Comparison['goals'] {
  const reached = (share: Share): number => percent(share.hits / share.of);
  return [
    {
      text: `more than ${goals.right} % right`,
      reached: reached(right),
      isMet: reached(right) > goals.right,
    },
    {
      text: `at most ${goals.abstained} % abstained`,
      reached: reached(abstained),
      isMet: reached(abstained) <= goals.abstained,
    },
    {
      text: `at most ${goals.falseAlarms} % false alarms`,
      reached: reached(falseAlarms),
      isMet: reached(falseAlarms) <= goals.falseAlarms,
    },
  ];
}

function percent(share: number): number {
  return Math.round(share * 1_000) / 10;
}

function hashOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
  return hash;
}
