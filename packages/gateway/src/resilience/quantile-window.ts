// Hot path: `note` once an answer. No allocation, no await.
import { assert } from '@millrace/stdx';

/** Buckets of a window: 16 to a doubling, from 1 ms to about an hour. */
export const quantileBuckets = 352;
const bucketsPerDoubling = 16;
/** Durations after which the older ones count half. */
const durationsKept = 512;

/**
 * Quantiles of the latest durations within about 4 %, in fixed memory that threads may share. Older ones fade: each time
 * that enough have come, all counts are halved.
 */
export class QuantileWindow {
  readonly #counts: Int32Array;

  constructor(counts: Int32Array) {
    assert(counts.length === quantileBuckets, `a window has ${quantileBuckets} words`);
    this.#counts = counts;
  }

  note(durationMs: number): void {
    const bucket = Math.round(bucketsPerDoubling * Math.log2(Math.max(1, durationMs)));
    Atomics.add(this.#counts, Math.min(bucket, quantileBuckets - 1), 1);
    if (this.count > 2 * durationsKept) this.#fade();
  }

  get count(): number {
    let count = 0;
    for (let bucket = 0; bucket < quantileBuckets; bucket++)
      count += this.#counts[bucket] as number;
    return count;
  }

  /** The duration that the share `q` of all did not exceed; `undefined` below `countMin` durations. */
  quantileMs(q: number, countMin: number): number | undefined {
    const { count } = this;
    if (count === 0 || count < countMin) return undefined;
    let left = Math.ceil(q * count);
    for (let bucket = 0; bucket < quantileBuckets; bucket++) {
      left -= this.#counts[bucket] as number;
      if (left <= 0) return 2 ** (bucket / bucketsPerDoubling);
    }
    return 2 ** ((quantileBuckets - 1) / bucketsPerDoubling);
  }

  #fade(): void {
    for (let bucket = 0; bucket < quantileBuckets; bucket++) {
      const count = this.#counts[bucket] as number;
      Atomics.sub(this.#counts, bucket, count >> 1);
    }
  }
}
