import { assert } from '@millrace/stdx';

/** A count that only grows. */
export class Counter {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  inc(by = 1): void {
    assert(by >= 0, 'a counter only grows');
    this.#value += by;
  }
}

/** A value that goes up and down. */
export class Gauge {
  #value = 0;

  get value(): number {
    return this.#value;
  }

  set(value: number): void {
    this.#value = value;
  }

  add(by: number): void {
    this.#value += by;
  }
}

/** How often values fell into each bucket. Hot path: `observe` allocates nothing. */
export class Histogram {
  /** Upper bounds of the buckets, ascending; what is above the last falls into one more. */
  readonly bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  get sum(): number {
    return this.#sum;
  }

  get count(): number {
    return this.#count;
  }

  observe(value: number): void {
    assert(!Number.isNaN(value), 'a histogram counts numbers');
    let low = 0;
    let high = this.bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.bounds[middle] as number) < value) low = middle + 1;
      else high = middle;
    }
    this.#counts[low] = (this.#counts[low] as number) + 1;
    this.#sum += value;
    this.#count++;
  }

  /** Values at or below each bound, and at last all of them. */
  cumulativeCounts(): readonly number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => (total += count));
  }

  /** The value below which the share `q` lies, interpolated within its bucket, at most the last bound; NaN when there are no values. */
  quantile(q: number): number {
    assert(q >= 0 && q <= 1, `a quantile is a share from 0 to 1, not ${q}`);
    if (this.#count === 0) return Number.NaN;
    const rank = q * this.#count;
    let below = 0;
    for (let at = 0; at < this.bounds.length; at++) {
      const inBucket = this.#counts[at] as number;
      if (below + inBucket >= rank && inBucket > 0) {
        const from =
          at === 0 ? Math.min(0, this.bounds[0] as number) : (this.bounds[at - 1] as number);
        return from + (((this.bounds[at] as number) - from) * (rank - below)) / inBucket;
      }
      below += inBucket;
    }
    return this.bounds.at(-1) ?? Number.NaN;
  }
}
