import type { Attribution, CauseTimes, Gap } from './attribute.ts';
import type { Cause } from './causes/cause.ts';

/** When a gap is a stall. */
export interface StallOptions {
  /** A shorter excess is none. Default 40 ms. */
  readonly excessNsMin?: number;
  /** How many times the request's usual gap it takes. Default 2. */
  readonly ratioMin?: number;
  /** The part of the excess that a cause must explain to be named. Default 0.5. */
  readonly shareMin?: number;
}

/** A gap that is longer than this request's usual ones, and what made it so. */
export interface Stall {
  readonly gap: Gap;
  /** By how much it passes the usual gap. */
  readonly excessNs: number;
  /** The cause of most of the excess; `unknown` where none explains enough of it. */
  readonly cause: Cause;
  /** The cause's part of the excess, from 0 to 1. */
  readonly share: number;
}

const defaults = { excessNsMin: 40_000_000, ratioMin: 2, shareMin: 0.5 };

/**
 * The stalls of a request, the longest first. What a cause usually takes from this request's gaps (the median) is no part
 * of a stall: an engine that needs 20 ms for each token stalls when it needs 200. The time to the first piece has nothing
 * to be compared with; it is a stall by what others than the engine took of it.
 */
export function findStalls(attribution: Attribution, options: StallOptions = {}): readonly Stall[] {
  const { excessNsMin, ratioMin, shareMin } = { ...defaults, ...options };
  // An excess is no longer than its gap: most requests have no gap that could be a stall, and are done here.
  const long = attribution.gaps.filter((gap) => lengthOf(gap) >= excessNsMin);
  if (long.length === 0) return [];
  const between = attribution.gaps.filter(({ kind }) => kind === 'between');
  const usualNs = median(between.map((gap) => lengthOf(gap)));
  const longer = long.filter((gap) => lengthOf(gap) >= usualNs * ratioMin);
  if (longer.length === 0) return [];
  const usual = usualTimes(between);
  return longer
    .map((gap) => stallOf(gap, usual, shareMin))
    .filter(({ excessNs }) => excessNs >= excessNsMin)
    .sort((a, b) => b.excessNs - a.excessNs);
}

function lengthOf({ startNs, endNs }: Gap): number {
  return endNs - startNs;
}

function stallOf(gap: Gap, usual: CauseTimes, shareMin: number): Stall {
  const isFirst = gap.kind === 'first';
  const excesses = gap.ranked
    .map(({ cause, ns }) => ({
      cause,
      ns: excessOf(ns, isFirst && cause === 'engine' ? ns : usual[cause]),
    }))
    .sort((a, b) => b.ns - a.ns);
  const excessNs = excesses.reduce((sum, { ns }) => sum + ns, 0);
  const [top] = excesses;
  if (top === undefined || excessNs === 0) return { gap, excessNs, cause: 'unknown', share: 0 };
  const share = top.ns / excessNs;
  return { gap, excessNs, cause: share >= shareMin ? top.cause : 'unknown', share };
}

function excessOf(ns: number, usualNs = 0): number {
  return Math.max(0, ns - usualNs);
}

function usualTimes(gaps: readonly Gap[]): CauseTimes {
  const causes = new Set(gaps.flatMap(({ ranked }) => ranked.map(({ cause }) => cause)));
  return Object.fromEntries(
    [...causes].map((cause) => [cause, median(gaps.map((gap) => gap.causes[cause] ?? 0))]),
  );
}

/** The lower median, so that it is one of the values. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >>> 1] ?? 0;
}
