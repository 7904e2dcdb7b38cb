import type { Prng } from '@millrace/stdx';
import { median } from './report.ts';

/** An estimate and the bounds between which it lies in 95 of 100 repetitions. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

const resamples = 10_000;
const outside = 0.05;

/**
 * The median of values with its 95 % interval by the percentile bootstrap (Efron and Tibshirani, An Introduction to the
 * Bootstrap, ch. 13): medians of as many values drawn with replacement. Values are differences of pairs, so that what
 * drifts from pair to pair is in neither.
 */
export function bootstrapMedian(values: readonly number[], prng: Prng): Interval {
  const medians = new Float64Array(resamples);
  for (let at = 0; at < resamples; at++) {
    const drawn = values.map(() => values[prng.below(values.length)] ?? Number.NaN);
    medians[at] = median(drawn);
  }
  medians.sort();
  const at = (share: number): number => medians[Math.round(share * (resamples - 1))] ?? Number.NaN;
  return { estimate: median(values), low: at(outside / 2), high: at(1 - outside / 2) };
}
