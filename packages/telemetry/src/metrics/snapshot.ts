import type { MetricType } from './check-metric.ts';
import { formatBound, headerLines, sampleLine } from './exposition.ts';

/** One series as plain data: its labels as they stand in the exposition, without braces, and its values. */
export interface SeriesSnapshot {
  readonly labels: string;
  /** A single value; of a histogram, cumulative counts by bucket, the last of all of them, then the sum. */
  readonly values: readonly number[];
}

/** One metric as plain data. */
export interface FamilySnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  /** Upper bounds of a histogram's buckets; else empty. */
  readonly bounds: readonly number[];
  readonly series: readonly SeriesSnapshot[];
}

/** All metrics of a registry at one moment, as plain data that threads can send each other. */
export type RegistrySnapshot = readonly FamilySnapshot[];

/**
 * The metrics of several registries as one: values of the same series are added, gauges too, which must therefore be
 * amounts. Metrics stand in the order in which they first come. A histogram whose buckets are not those of the first
 * is left out.
 */
export function mergeSnapshots(snapshots: readonly RegistrySnapshot[]): RegistrySnapshot {
  const families = new Map<string, { first: FamilySnapshot; series: Map<string, number[]> }>();
  for (const family of snapshots.flat()) {
    const known = families.get(family.name);
    const merged = known ?? { first: family, series: new Map<string, number[]>() };
    if (known === undefined) families.set(family.name, merged);
    if (merged.first.bounds.join() !== family.bounds.join()) continue;
    for (const { labels, values } of family.series) {
      const sums = merged.series.get(labels);
      if (sums === undefined) merged.series.set(labels, [...values]);
      else for (const [at, value] of values.entries()) sums[at] = (sums[at] ?? 0) + value;
    }
  }
  return Array.from(families.values(), ({ first, series }) => ({
    ...first,
    series: Array.from(series, ([labels, values]) => ({ labels, values })),
  }));
}

/** The text of a snapshot in Prometheus' format, version 0.0.4. */
export function exposeSnapshot(snapshot: RegistrySnapshot): string {
  const lines = snapshot.flatMap((family) => [...headerLines(family), ...linesOf(family)]);
  return `${lines.join('\n')}\n`;
}

function linesOf({ name, type, bounds, series }: FamilySnapshot): readonly string[] {
  if (type !== 'histogram')
    return series.map(({ labels, values }) => sampleLine(name, labels, values[0] ?? Number.NaN));
  return series.flatMap(({ labels, values }) => {
    const prefix = labels === '' ? '' : `${labels},`;
    const counts = values.slice(0, -1);
    return [
      ...counts.map((count, at) =>
        sampleLine(`${name}_bucket`, `${prefix}le="${formatBound(bounds[at])}"`, count),
      ),
      sampleLine(`${name}_sum`, labels, values.at(-1) ?? Number.NaN),
      sampleLine(`${name}_count`, labels, counts.at(-1) ?? Number.NaN),
    ];
  });
}
