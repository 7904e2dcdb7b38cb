import { AssertionError } from '@millrace/stdx';
import { type RegistryOptions, resolveRegistryOptions } from '../options.ts';
import {
  checkBuckets,
  checkMetric,
  exposedNames,
  invalidMetric,
  type MetricType,
} from './check-metric.ts';
import { type Labels, LabelSets } from './label-sets.ts';
import { Counter, Gauge, Histogram } from './series.ts';
import {
  exposeSnapshot,
  type FamilySnapshot,
  type RegistrySnapshot,
  type SeriesSnapshot,
} from './snapshot.ts';

/** How a metric is described. */
export interface MetricOptions {
  /** Letters, digits, `_` and `:`, the unit last: seconds, bytes or ratio; counters end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

/** A metric with labels: a handle for each label set, to be kept by whoever counts often. */
export interface Labelled<Handle> {
  labels(labels: Labels): Handle;
}

/** One series that is read. */
export interface LabelledValue {
  readonly labels: Labels;
  readonly value: number;
}

interface ReadOption {
  /** Asked at every exposition, instead of keeping the values here. */
  readonly read?: () => readonly LabelledValue[];
}

interface ValueAccess<Handle> {
  readonly create: () => Handle;
  readonly write: (handle: Handle, value: number) => void;
}

interface Family extends Omit<FamilySnapshot, 'series'> {
  readonly read: () => readonly SeriesSnapshot[];
}

/** Metrics of one process or part, and their text for Prometheus. */
export class Registry {
  readonly #options: Required<RegistryOptions>;
  readonly #families: Family[] = [];
  readonly #names = new Set<string>();
  readonly #dropped: Counter;
  readonly #failedReads: Counter;

  constructor(options: RegistryOptions = {}) {
    this.#options = resolveRegistryOptions(options);
    this.#dropped = this.counter({
      name: 'millrace_telemetry_dropped_label_sets_total',
      help: 'Times that a label set found no place and was counted in the overflow series.',
    });
    this.#failedReads = this.counter({
      name: 'millrace_telemetry_failed_reads_total',
      help: 'Times that a gauge could not be read and was left out.',
    });
  }

  /** Registers a counter without labels. */
  counter(options: Omit<MetricOptions, 'labelNames'>): Counter {
    return this.labelledCounter(options).labels({});
  }

  /** Registers a counter with labels; with `read`, exactly what it returns is exposed, and only ever grows. */
  labelledCounter(options: MetricOptions & ReadOption): Labelled<Counter> {
    const write = (counter: Counter, value: number): void => counter.inc(value);
    return this.#valued('counter', options, { create: () => new Counter(), write });
  }

  /** Registers a gauge without labels; with `read`, its value is asked for at every exposition. */
  gauge(options: Omit<MetricOptions, 'labelNames'> & { readonly read?: () => number }): Gauge {
    const { read, ...plain } = options;
    if (read === undefined) return this.labelledGauge(plain).labels({});
    const gauge = new Gauge();
    checkMetric('gauge', options.name, []);
    this.#add('gauge', options, () => {
      gauge.set(read());
      return [{ labels: '', values: [gauge.value] }];
    });
    return gauge;
  }

  /** Registers a gauge with labels; with `read`, exactly what it returns is exposed. */
  labelledGauge(options: MetricOptions & ReadOption): Labelled<Gauge> {
    const write = (gauge: Gauge, value: number): void => gauge.set(value);
    return this.#valued('gauge', options, { create: () => new Gauge(), write });
  }

  /** Registers a histogram without labels. */
  histogram(
    options: Omit<MetricOptions, 'labelNames'> & { readonly buckets: readonly number[] },
  ): Histogram {
    return this.labelledHistogram(options).labels({});
  }

  /** Registers a histogram with labels. */
  labelledHistogram(
    options: MetricOptions & { readonly buckets: readonly number[] },
  ): Labelled<Histogram> {
    checkBuckets(options.name, options.buckets);
    const buckets = [...options.buckets];
    const sets = this.#sets('histogram', options, () => new Histogram(buckets));
    const read = (): readonly SeriesSnapshot[] =>
      Array.from(sets.entries(), ({ text, handle }) => ({
        labels: text,
        values: [...handle.cumulativeCounts(), handle.sum],
      }));
    this.#add('histogram', { ...options, bounds: buckets }, read);
    return { labels: (labels) => sets.get(labels) };
  }

  /** All metrics in Prometheus' text format, version 0.0.4. */
  expose(): string {
    return exposeSnapshot(this.snapshot());
  }

  /** All metrics as plain data, which other threads can merge with theirs. */
  snapshot(): RegistrySnapshot {
    // The registry's own metrics stand first and are read last, so that they count what this exposition met.
    const [dropped, failedReads, ...others] = this.#families;
    const read = others.flatMap((family) => this.#readFamily(family));
    const own = [dropped, failedReads].flatMap((family) =>
      family === undefined ? [] : this.#readFamily(family),
    );
    return [...own, ...read];
  }

  #valued<Handle extends Counter | Gauge>(
    type: MetricType,
    options: MetricOptions & ReadOption,
    { create, write }: ValueAccess<Handle>,
  ): Labelled<Handle> {
    const { read } = options;
    let sets = this.#sets(type, options, create);
    this.#add(type, options, () => {
      if (read !== undefined) {
        // What is no longer read is no longer there.
        sets = this.#sets(type, options, create);
        for (const { labels, value } of read()) write(sets.get(labels), value);
      }
      return Array.from(sets.entries(), ({ text, handle }) => ({
        labels: text,
        values: [handle.value],
      }));
    });
    return { labels: (labels) => sets.get(labels) };
  }

  #readFamily({ read, ...family }: Family): readonly FamilySnapshot[] {
    try {
      return [{ ...family, series: read() }];
    } catch (thrown) {
      if (thrown instanceof AssertionError) throw thrown;
      this.#failedReads.inc();
      return [];
    }
  }

  #sets<Handle>(type: MetricType, options: MetricOptions, create: () => Handle): LabelSets<Handle> {
    const labelNames = options.labelNames ?? [];
    checkMetric(type, options.name, labelNames);
    return new LabelSets({
      ...this.#options,
      labelNames,
      create,
      onOverflow: () => this.#dropped.inc(),
    });
  }

  #add(
    type: MetricType,
    options: MetricOptions & { readonly bounds?: readonly number[] },
    read: Family['read'],
  ): void {
    const { name, help, bounds = [] } = options;
    const names = exposedNames(type, name);
    if (names.some((exposed) => this.#names.has(exposed)))
      throw invalidMetric(name, 'its name is taken');
    for (const exposed of names) this.#names.add(exposed);
    this.#families.push({ name, help, type, bounds, read });
  }
}
