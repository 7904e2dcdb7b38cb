import assert from 'node:assert/strict';
import test from 'node:test';
import { AssertionError } from '@millrace/stdx';
import { TelemetryError } from '../errors.ts';
import { Registry } from './registry.ts';

/** The lines of one metric, without those of the registry itself. */
function linesOf(registry: Registry, name: string): readonly string[] {
  return registry
    .expose()
    .split('\n')
    .filter(
      (line) =>
        line.startsWith(name) ||
        line.startsWith(`# HELP ${name} `) ||
        line.startsWith(`# TYPE ${name} `),
    );
}

test('exposes a counter with its help and type', () => {
  const registry = new Registry();
  registry.counter({ name: 'requests_total', help: 'Requests that came.' }).inc(3);
  assert.deepEqual(linesOf(registry, 'requests_total'), [
    '# HELP requests_total Requests that came.',
    '# TYPE requests_total counter',
    'requests_total 3',
  ]);
});

test('exposes one line a label set, in the order of the label names', () => {
  const registry = new Registry();
  const requests = registry.labelledCounter({
    name: 'requests_total',
    help: 'Requests.',
    labelNames: ['model', 'code'],
  });
  requests.labels({ code: '200', model: 'small' }).inc();
  requests.labels({ model: 'small', code: '429' }).inc(2);
  requests.labels({ model: 'small', code: '200' }).inc();
  assert.deepEqual(linesOf(registry, 'requests_total{'), [
    'requests_total{model="small",code="200"} 2',
    'requests_total{model="small",code="429"} 2',
  ]);
});

test('exposes cumulative buckets, sum and count of a histogram', () => {
  const registry = new Registry();
  const histogram = registry.labelledHistogram({
    name: 'wait_seconds',
    help: 'Wait.',
    labelNames: ['lane'],
    buckets: [0.1, 1],
  });
  for (const seconds of [0.1, 0.5, 7]) histogram.labels({ lane: 'a' }).observe(seconds);
  assert.deepEqual(linesOf(registry, 'wait_seconds_'), [
    'wait_seconds_bucket{lane="a",le="0.1"} 1',
    'wait_seconds_bucket{lane="a",le="1"} 2',
    'wait_seconds_bucket{lane="a",le="+Inf"} 3',
    'wait_seconds_sum{lane="a"} 7.6',
    'wait_seconds_count{lane="a"} 3',
  ]);
});

test('escapes help texts and label values', () => {
  const registry = new Registry();
  const counter = registry.labelledCounter({
    name: 'odd_total',
    help: 'a\\b\nc',
    labelNames: ['value'],
  });
  counter.labels({ value: 'say "hi"\\\n' }).inc();
  assert.deepEqual(linesOf(registry, 'odd_total'), [
    '# HELP odd_total a\\\\b\\nc',
    '# TYPE odd_total counter',
    'odd_total{value="say \\"hi\\"\\\\\\n"} 1',
  ]);
});

test('writes numbers that are not finite as Prometheus reads them', () => {
  const registry = new Registry();
  const gauge = registry.labelledGauge({ name: 'odd', help: 'Odd.', labelNames: ['at'] });
  gauge.labels({ at: 'a' }).set(Number.NaN);
  gauge.labels({ at: 'b' }).set(Number.POSITIVE_INFINITY);
  gauge.labels({ at: 'c' }).set(Number.NEGATIVE_INFINITY);
  assert.deepEqual(linesOf(registry, 'odd{'), [
    'odd{at="a"} NaN',
    'odd{at="b"} +Inf',
    'odd{at="c"} -Inf',
  ]);
});

test('counts label sets past the bound in one overflow series, and says so', () => {
  const registry = new Registry({ labelSetsMax: 2 });
  const counter = registry.labelledCounter({
    name: 'requests_total',
    help: 'Requests.',
    labelNames: ['tenant'],
  });
  for (const tenant of ['a', 'b', 'c', 'd', 'a']) counter.labels({ tenant }).inc();
  assert.deepEqual(linesOf(registry, 'requests_total{'), [
    'requests_total{tenant="a"} 2',
    'requests_total{tenant="b"} 1',
    'requests_total{tenant="__overflow__"} 2',
  ]);
  assert.ok(registry.expose().includes('\nmillrace_telemetry_dropped_label_sets_total 2\n'));
});

test('cuts label values that are too long', () => {
  const registry = new Registry({ labelValueCharactersMax: 8 });
  registry
    .labelledCounter({ name: 'requests_total', help: 'Requests.', labelNames: ['tenant'] })
    .labels({ tenant: 'x'.repeat(7) + '😀' })
    .inc();
  assert.deepEqual(linesOf(registry, 'requests_total{'), [
    `requests_total{tenant="${'x'.repeat(7)}\uFFFD"} 1`,
  ]);
});

test('reads a gauge at every exposition', () => {
  const registry = new Registry();
  let length = 1;
  registry.gauge({ name: 'queue_length', help: 'Queue.', read: () => length });
  assert.deepEqual(linesOf(registry, 'queue_length').at(-1), 'queue_length 1');
  length = 5;
  assert.deepEqual(linesOf(registry, 'queue_length').at(-1), 'queue_length 5');
});

test('forgets the series that a read gauge no longer has', () => {
  const registry = new Registry();
  let models = ['a', 'b'];
  const read = (): { labels: { model: string }; value: number }[] =>
    models.map((model) => ({ labels: { model }, value: 1 }));
  registry.labelledGauge({ name: 'loaded', help: 'Loaded.', labelNames: ['model'], read });
  assert.equal(linesOf(registry, 'loaded{').length, 2);
  models = ['b'];
  assert.deepEqual(linesOf(registry, 'loaded{'), ['loaded{model="b"} 1']);
});

test('reads a counter that is counted elsewhere', () => {
  const registry = new Registry();
  let count = 2;
  registry.labelledCounter({
    name: 'turns_total',
    help: 'Turns.',
    labelNames: ['model'],
    read: () => [{ labels: { model: 'a' }, value: count }],
  });
  registry.expose();
  count = 3;
  assert.deepEqual(linesOf(registry, 'turns_total').slice(1), [
    '# TYPE turns_total counter',
    'turns_total{model="a"} 3',
  ]);
});

test('leaves a gauge out that cannot be read, and counts it', () => {
  const registry = new Registry();
  registry.gauge({
    name: 'broken',
    help: 'Broken.',
    read: () => {
      throw new Error('gone');
    },
  });
  registry.counter({ name: 'requests_total', help: 'Requests.' }).inc();
  assert.deepEqual(linesOf(registry, 'broken'), []);
  assert.equal(linesOf(registry, 'requests_total').length, 3);
  assert.ok(registry.expose().includes('\nmillrace_telemetry_failed_reads_total 3\n'));
});

test('refuses names that Prometheus or its users would trip over', () => {
  const registry = new Registry();
  const describe = { help: 'Help.', buckets: [1] };
  const attempts = [
    () => registry.counter({ name: 'requests', help: 'Help.' }),
    () => registry.gauge({ name: 'requests_total', help: 'Help.' }),
    () => registry.gauge({ name: '1st', help: 'Help.' }),
    () => registry.gauge({ name: 'wait_ms', help: 'Help.' }),
    () => registry.counter({ name: 'sent_kib_total', help: 'Help.' }),
    () => registry.labelledGauge({ name: 'a', help: 'Help.', labelNames: ['le'] }),
    () => registry.labelledGauge({ name: 'a', help: 'Help.', labelNames: ['b', 'b'] }),
    () => registry.labelledGauge({ name: 'a', help: 'Help.', labelNames: ['__name__'] }),
    () => registry.histogram({ ...describe, name: 'a', buckets: [] }),
    () => registry.histogram({ ...describe, name: 'a', buckets: [2, 1] }),
    () => registry.histogram({ ...describe, name: 'a', buckets: [1, Number.POSITIVE_INFINITY] }),
  ];
  for (const attempt of attempts)
    assert.throws(attempt, { name: 'TelemetryError', code: 'TELEMETRY_METRIC_INVALID' });
});

test("takes another system's names as they are there", () => {
  new Registry().histogram({ name: 'vllm:iteration_tokens_total', help: 'Tokens.', buckets: [1] });
});

test('refuses a name that is taken, also by the parts of a histogram', () => {
  const registry = new Registry();
  registry.histogram({ name: 'wait_seconds', help: 'Wait.', buckets: [1] });
  assert.throws(() => registry.gauge({ name: 'wait_seconds', help: 'Wait.' }), TelemetryError);
  assert.throws(() => registry.gauge({ name: 'wait_seconds_sum', help: 'Wait.' }), TelemetryError);
});

test('takes exactly the labels that were named', () => {
  const registry = new Registry();
  const counter = registry.labelledCounter({
    name: 'requests_total',
    help: 'Requests.',
    labelNames: ['model'],
  });
  assert.throws(() => counter.labels({}), AssertionError);
  assert.throws(() => counter.labels({ modell: 'a' }), AssertionError);
  assert.throws(() => counter.labels({ model: 'a', code: '1' }), AssertionError);
});

test('refuses options out of bounds with the value and the limit', () => {
  assert.throws(() => new Registry({ labelSetsMax: 0 }), {
    code: 'TELEMETRY_OPTION_INVALID',
    message: 'create registry: labelSetsMax is 0; it is an integer from 1 to 100000',
  });
});
