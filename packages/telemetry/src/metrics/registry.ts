import { TelemetryError } from '../errors.ts';
import { type Labels, LabelSets } from './label-sets.ts';
import { Counter, Gauge, Histogram } from './series.ts';

/** How a metric is described. */
export interface MetricOptions {
  /** Letters, digits, `_` and `:`; counters end in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

/** A metric with labels: a handle for each label set. */
export interface Labelled<Handle> {
  labels(labels: Labels): Handle;
}

/** One series of a gauge. */
export interface LabelledValue {
  readonly labels: Labels;
  readonly value: number;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  expose(): readonly string[];
}

const nameForm = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelForm = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Metrics of one process or part, and their text for Prometheus. */
export class Registry {
  readonly #labelSetsMax: number;
  readonly #families = new Map<string, Family>();
  readonly #dropped = new Counter();

  constructor(options: { readonly labelSetsMax?: number } = {}) {
    this.#labelSetsMax = options.labelSetsMax ?? 256;
    this.#add('counter', {
      name: 'millrace_telemetry_dropped_label_sets_total',
      help: 'Times that a label set found no place and was counted in the overflow series.',
      expose: () => [
        sample('millrace_telemetry_dropped_label_sets_total', '', this.#dropped.value),
      ],
    });
  }

  /** Registers a counter without labels. */
  counter(options: MetricOptions): Counter {
    return this.labelledCounter(options).labels({});
  }

  labelledCounter(options: MetricOptions): Labelled<Counter> {
    if (!options.name.endsWith('_total')) throw invalid(options.name, 'a counter ends in _total');
    const sets = this.#sets(options, () => new Counter());
    this.#add('counter', { ...options, expose: () => exposeValues(options.name, sets) });
    return { labels: (labels) => sets.get(labels) };
  }

  /** Registers a gauge without labels; with `read`, its value is asked for at every exposition. */
  gauge(options: MetricOptions & { readonly read?: () => number }): Gauge {
    const { read, ...plain } = options;
    if (read === undefined) return this.labelledGauge(plain).labels({});
    this.#add('gauge', { ...options, expose: () => [sample(options.name, '', read())] });
    return new Gauge();
  }

  /** Registers a gauge with labels; with `read`, its values are asked for at every exposition. */
  labelledGauge(
    options: MetricOptions & { readonly read?: () => readonly LabelledValue[] },
  ): Labelled<Gauge> {
    const { read } = options;
    const sets = this.#sets(options, () => new Gauge());
    const expose = (): readonly string[] => {
      for (const { labels, value } of read?.() ?? []) sets.get(labels).set(value);
      return exposeValues(options.name, sets);
    };
    this.#add('gauge', { ...options, expose });
    return { labels: (labels) => sets.get(labels) };
  }

  /** Registers a histogram without labels. */
  histogram(options: MetricOptions & { readonly buckets: readonly number[] }): Histogram {
    return this.labelledHistogram(options).labels({});
  }

  labelledHistogram(
    options: MetricOptions & { readonly buckets: readonly number[] },
  ): Labelled<Histogram> {
    const { buckets } = options;
    const ascends = buckets.every((bound, at) => at === 0 || bound > (buckets[at - 1] as number));
    if (buckets.length === 0 || !ascends) throw invalid(options.name, 'buckets ascend');
    const sets = this.#sets(options, () => new Histogram(buckets));
    this.#add('histogram', { ...options, expose: () => exposeHistograms(options.name, sets) });
    return { labels: (labels) => sets.get(labels) };
  }

  /** All metrics in Prometheus' text format, version 0.0.4. */
  expose(): string {
    const lines: string[] = [];
    for (const family of this.#families.values()) {
      const help = family.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
      lines.push(`# HELP ${family.name} ${help}`, `# TYPE ${family.name} ${family.type}`);
      lines.push(...family.expose());
    }
    return `${lines.join('\n')}\n`;
  }

  #sets<Handle>(options: MetricOptions, create: () => Handle): LabelSets<Handle> {
    const labelNames = options.labelNames ?? [];
    for (const name of labelNames) {
      if (!labelForm.test(name) || name === 'le')
        throw invalid(options.name, `label "${name}" is not a label name`);
    }
    return new LabelSets({
      labelNames,
      labelSetsMax: this.#labelSetsMax,
      create,
      onOverflow: () => this.#dropped.inc(),
    });
  }

  #add(type: Family['type'], family: Omit<Family, 'type'>): void {
    const { name, help, expose } = family;
    if (!nameForm.test(name)) throw invalid(name, 'it is not a metric name');
    if (this.#families.has(name)) throw invalid(name, 'it is registered already');
    this.#families.set(name, { name, help, type, expose });
  }
}

function exposeValues(name: string, sets: LabelSets<Counter | Gauge>): readonly string[] {
  return Array.from(sets.entries(), ({ text, handle }) => sample(name, text, handle.value));
}

function exposeHistograms(name: string, sets: LabelSets<Histogram>): readonly string[] {
  return Array.from(sets.entries()).flatMap(({ text, handle }) => {
    const prefix = text === '' ? '' : `${text},`;
    const buckets = handle.cumulativeCounts().map((count, at) => {
      const bound = handle.bounds[at];
      return sample(
        `${name}_bucket`,
        `${prefix}le="${bound === undefined ? '+Inf' : bound}"`,
        count,
      );
    });
    return [
      ...buckets,
      sample(`${name}_sum`, text, handle.sum),
      sample(`${name}_count`, text, handle.count),
    ];
  });
}

function sample(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${formatValue(value)}`;
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

function invalid(name: string, reason: string): TelemetryError {
  return new TelemetryError(`register metric "${name}": ${reason}`, {
    code: 'TELEMETRY_METRIC_INVALID',
  });
}
