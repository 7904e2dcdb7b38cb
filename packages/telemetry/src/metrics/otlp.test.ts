import assert from 'node:assert/strict';
import test from 'node:test';
import { otlpMetrics } from './otlp.ts';
import { Registry } from './registry.ts';

interface Point {
  readonly attributes: readonly unknown[];
  readonly [field: string]: unknown;
}

function metricsOf(
  registry: Registry,
  names: Readonly<Record<string, string>> = {},
): Map<string, never> {
  const told = otlpMetrics(registry.snapshot(), {
    resource: { 'service.name': 'millrace' },
    startUnixNs: 1n,
    unixNs: 1_800_000_000_000_000_001n,
    names,
  }) as {
    resourceMetrics: { resource: unknown; scopeMetrics: { metrics: { name: string }[] }[] }[];
  };
  const [resource] = told.resourceMetrics;
  assert.deepEqual(resource?.resource, {
    attributes: [{ key: 'service.name', value: { stringValue: 'millrace' } }],
  });
  return new Map(
    resource?.scopeMetrics[0]?.metrics.map((metric) => [metric.name, metric as never]),
  );
}

test('a histogram has counts by bucket, not running totals', () => {
  const registry = new Registry();
  const wait = registry.labelledHistogram({
    name: 'x_wait_seconds',
    help: 'Wait.',
    labelNames: ['a'],
    buckets: [1, 2],
  });
  const handle = wait.labels({ a: 'q"u\\o\nte' });
  for (const value of [0.5, 1.5, 1.6, 9]) handle.observe(value);
  const metric = metricsOf(registry, { x_wait_seconds: 'x.wait', a: 'x.a' }).get(
    'x.wait',
  ) as unknown as {
    unit: string;
    histogram: { aggregationTemporality: number; dataPoints: Point[] };
  };
  assert.equal(metric.unit, 's');
  assert.equal(metric.histogram.aggregationTemporality, 2);
  assert.deepEqual(metric.histogram.dataPoints, [
    {
      attributes: [{ key: 'x.a', value: { stringValue: 'q"u\\o\nte' } }],
      startTimeUnixNano: '1',
      timeUnixNano: '1800000000000000001',
      count: '4',
      sum: 12.6,
      explicitBounds: [1, 2],
      bucketCounts: ['1', '2', '1'],
    },
  ]);
});

test('counters are monotonic sums, gauges are gauges', () => {
  const registry = new Registry();
  registry.counter({ name: 'x_bytes_total', help: 'Bytes.' }).inc(3);
  registry.gauge({ name: 'x_length', help: 'Length.' }).set(-2);
  const metrics = metricsOf(registry);
  const sum = metrics.get('x_bytes_total') as unknown as {
    unit: string;
    sum: { isMonotonic: boolean; dataPoints: Point[] };
  };
  assert.equal(sum.unit, 'By');
  assert.equal(sum.sum.isMonotonic, true);
  assert.equal(sum.sum.dataPoints[0]?.asDouble, 3);
  const gauge = metrics.get('x_length') as unknown as { gauge: { dataPoints: Point[] } };
  assert.equal(gauge.gauge.dataPoints[0]?.asDouble, -2);
});
