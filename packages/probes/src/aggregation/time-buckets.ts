/** Sums of one label set in one stretch of time. */
export interface BucketSums {
  readonly count: number;
  readonly sum: number;
  readonly max: number;
}

/** One stretch of time. */
export interface TimeBucket {
  readonly startNs: number;
  readonly series: ReadonlyMap<string, BucketSums>;
}

/** Bounds of buckets of time. */
export interface TimeBucketsOptions {
  readonly bucketNs: number;
  /** Buckets that are kept; older ones leave. */
  readonly bucketsMax: number;
  /** Label sets of a bucket; further ones are summed under `__overflow__`. */
  readonly labelSetsMax: number;
}

const overflow = '__overflow__';

/**
 * Values by time and label set, for views of what was lately. A value that comes late goes where it belongs, as long as
 * that is kept; one that is older is counted as late.
 */
export class TimeBuckets {
  readonly #options: TimeBucketsOptions;
  readonly #buckets = new Map<number, Map<string, BucketSums>>();
  #latest = Number.NEGATIVE_INFINITY;
  #late = 0;

  constructor(options: TimeBucketsOptions) {
    this.#options = options;
  }

  /** Values that came after their bucket had left. */
  get late(): number {
    return this.#late;
  }

  add(timeNs: number, labels: string, value: number): void {
    const { bucketNs, bucketsMax, labelSetsMax } = this.#options;
    const index = Math.floor(timeNs / bucketNs);
    this.#latest = Math.max(this.#latest, index);
    if (index <= this.#latest - bucketsMax) {
      this.#late++;
      return;
    }
    for (const known of this.#buckets.keys()) {
      if (known <= this.#latest - bucketsMax) this.#buckets.delete(known);
    }
    const series = this.#buckets.get(index) ?? new Map<string, BucketSums>();
    this.#buckets.set(index, series);
    const key = series.has(labels) || series.size < labelSetsMax ? labels : overflow;
    const { count, sum, max } = series.get(key) ?? { count: 0, sum: 0, max: -Infinity };
    series.set(key, { count: count + 1, sum: sum + value, max: Math.max(max, value) });
  }

  /** What is kept, the oldest first. */
  buckets(): readonly TimeBucket[] {
    return [...this.#buckets]
      .toSorted(([one], [other]) => one - other)
      .map(([index, series]) => ({ startNs: index * this.#options.bucketNs, series }));
  }
}
