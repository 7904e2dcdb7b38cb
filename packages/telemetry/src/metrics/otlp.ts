import type { FamilySnapshot, RegistrySnapshot, SeriesSnapshot } from './snapshot.ts';

/** What OTLP says beside the values. */
export interface OtlpOptions {
  /** Attributes of whoever tells, `service.name` among them. */
  readonly resource: Readonly<Record<string, string>>;
  /** Nanoseconds since the Unix epoch: since when counts are counted, and the moment of the snapshot. */
  readonly startUnixNs: bigint;
  readonly unixNs: bigint;
  /** Names of metrics and labels in OTLP, by those here, where they differ. */
  readonly names?: Readonly<Record<string, string>>;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string };
}

const cumulative = 2;
const labelForm = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
const unitForms: readonly (readonly [RegExp, string])[] = [
  [/_seconds(_total)?$/, 's'],
  [/_bytes(_total)?$/, 'By'],
  [/_ratio$/, '1'],
];

/** A snapshot as OTLP's JSON (opentelemetry-proto, ExportMetricsServiceRequest), cumulative. */
export function otlpMetrics(snapshot: RegistrySnapshot, options: OtlpOptions): unknown {
  return {
    resourceMetrics: [
      {
        resource: { attributes: attributesOf(Object.entries(options.resource)) },
        scopeMetrics: [
          {
            scope: { name: '@millrace/telemetry' },
            metrics: snapshot
              .filter(({ series }) => series.length > 0)
              .map((family) => metricOf(family, options)),
          },
        ],
      },
    ],
  };
}

function metricOf(family: FamilySnapshot, options: OtlpOptions): unknown {
  const { name, help, type, series } = family;
  const unit = unitForms.find(([form]) => form.test(name))?.[1] ?? '';
  const head = { name: options.names?.[name] ?? name, description: help, unit };
  if (type === 'histogram') {
    const dataPoints = series.map((one) => histogramPoint(family, one, options));
    return { ...head, histogram: { aggregationTemporality: cumulative, dataPoints } };
  }
  const dataPoints = series.map((one) => ({
    ...pointOf(one, options),
    asDouble: one.values[0] ?? 0,
  }));
  if (type === 'gauge') return { ...head, gauge: { dataPoints } };
  return { ...head, sum: { aggregationTemporality: cumulative, isMonotonic: true, dataPoints } };
}

function histogramPoint(
  { bounds }: FamilySnapshot,
  series: SeriesSnapshot,
  options: OtlpOptions,
): unknown {
  const counts = series.values.slice(0, -1);
  return {
    ...pointOf(series, options),
    count: String(counts.at(-1) ?? 0),
    sum: series.values.at(-1) ?? 0,
    explicitBounds: bounds,
    bucketCounts: counts.map((count, at) => String(count - (counts[at - 1] ?? 0))),
  };
}

function pointOf(series: SeriesSnapshot, { names, startUnixNs, unixNs }: OtlpOptions): object {
  const labels = Array.from(
    series.labels.matchAll(labelForm),
    ([, name = '', value = '']) => [names?.[name] ?? name, unescape(value)] as const,
  );
  return {
    attributes: attributesOf(labels),
    startTimeUnixNano: String(startUnixNs),
    timeUnixNano: String(unixNs),
  };
}

function attributesOf(entries: readonly (readonly [string, string])[]): readonly Attribute[] {
  return entries.map(([key, value]) => ({ key, value: { stringValue: value } }));
}

/** What the exposition escapes in a label's value. */
function unescape(value: string): string {
  return value.replaceAll(/\\(.)/g, (_, character: string) =>
    character === 'n' ? '\n' : character,
  );
}
