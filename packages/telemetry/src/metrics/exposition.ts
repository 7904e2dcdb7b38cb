import type { LabelSets } from './label-sets.ts';
import type { Counter, Gauge, Histogram } from './series.ts';

/** Lines of a metric with one value a series. */
export function exposeValues(name: string, sets: LabelSets<Counter | Gauge>): readonly string[] {
  return Array.from(sets.entries(), ({ text, handle }) => sampleLine(name, text, handle.value));
}

/** Lines of a histogram: cumulative buckets, sum and count for each series. */
export function exposeHistograms(name: string, sets: LabelSets<Histogram>): readonly string[] {
  return Array.from(sets.entries()).flatMap(({ text, handle }) => {
    const prefix = text === '' ? '' : `${text},`;
    const buckets = handle.cumulativeCounts().map((count, at) => {
      const bound = formatValue(handle.bounds[at] ?? Number.POSITIVE_INFINITY);
      return sampleLine(`${name}_bucket`, `${prefix}le="${bound}"`, count);
    });
    return [
      ...buckets,
      sampleLine(`${name}_sum`, text, handle.sum),
      sampleLine(`${name}_count`, text, handle.count),
    ];
  });
}

/** The lines that say what a metric is. */
export function headerLines(metric: {
  readonly name: string;
  readonly help: string;
  readonly type: string;
}): readonly string[] {
  const help = metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return [`# HELP ${metric.name} ${help}`, `# TYPE ${metric.name} ${metric.type}`];
}

/** One sample as Prometheus reads it. */
export function sampleLine(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${formatValue(value)}`;
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
