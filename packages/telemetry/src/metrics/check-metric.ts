import { TelemetryError } from '../errors.ts';

/** Kinds of metrics, as Prometheus names them. */
export type MetricType = 'counter' | 'gauge' | 'histogram';

const nameForm = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelForm = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
// Base units only, so that a dashboard never has to guess: seconds, bytes, ratio.
const scaledUnit =
  /_(ns|nanoseconds|us|microseconds|ms|milliseconds|minutes|kb|kib|mb|mib|gb|gib|percent)(_total)?$/;
const labelNamesMax = 16;

/** Refuses a metric whose name, unit or labels Prometheus, or its users, would trip over. */
export function checkMetric(type: MetricType, name: string, labelNames: readonly string[]): void {
  if (!nameForm.test(name)) throw invalidMetric(name, 'it is not a metric name');
  // A name with a colon is another system's, taken as it is there.
  if (!name.includes(':')) checkOwnName(type, name);
  if (labelNames.length > labelNamesMax) {
    throw invalidMetric(name, `it has ${labelNames.length} labels; the bound is ${labelNamesMax}`);
  }
  for (const label of labelNames) {
    if (
      !labelForm.test(label) ||
      label.startsWith('__') ||
      label === 'le' ||
      label === 'quantile'
    ) {
      throw invalidMetric(name, `label "${label}" is not a label name or is reserved`);
    }
  }
  if (new Set(labelNames).size < labelNames.length)
    throw invalidMetric(name, 'a label name stands twice');
}

function checkOwnName(type: MetricType, name: string): void {
  if (scaledUnit.test(name)) throw invalidMetric(name, 'its unit is seconds, bytes or ratio');
  if (name.endsWith('_total') !== (type === 'counter')) {
    throw invalidMetric(name, 'a counter ends in _total, and nothing else does');
  }
}

/** Refuses bounds that are not finite and ascending. */
export function checkBuckets(name: string, buckets: readonly number[]): void {
  const ascends = buckets.every((bound, at) => at === 0 || bound > (buckets[at - 1] ?? Number.NaN));
  if (buckets.length === 0 || !ascends || !buckets.every(Number.isFinite)) {
    throw invalidMetric(name, `buckets ${buckets.join(', ')} are not finite and ascending`);
  }
}

/** Every name under which a metric appears in the exposition. */
export function exposedNames(type: MetricType, name: string): readonly string[] {
  return type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
}

export function invalidMetric(name: string, reason: string): TelemetryError {
  return new TelemetryError(`register metric "${name}": ${reason}`, {
    code: 'TELEMETRY_METRIC_INVALID',
  });
}
