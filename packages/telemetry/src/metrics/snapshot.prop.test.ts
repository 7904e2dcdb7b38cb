import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Registry } from './registry.ts';
import { exposeSnapshot, mergeSnapshots } from './snapshot.ts';

/** A registry as a lane has one, and a way to let something happen in it. */
function open(): { readonly registry: Registry; readonly note: (step: Step) => void } {
  const registry = new Registry();
  const requests = registry.labelledCounter({
    name: 'requests_total',
    help: 'Requests.',
    labelNames: ['status'],
  });
  const wait = registry.histogram({ name: 'wait_seconds', help: 'Wait.', buckets: [1, 4] });
  const active = registry.gauge({ name: 'active_requests', help: 'Active.' });
  const note = ({ status, wait: seconds }: Step): void => {
    requests.labels({ status: String(status) }).inc();
    wait.observe(seconds);
    active.add(1);
  };
  return { registry, note };
}

interface Step {
  readonly lane: number;
  readonly status: number;
  readonly wait: number;
}

const step = fc.record({
  lane: fc.nat(2),
  status: fc.constantFrom(200, 404, 503),
  wait: fc.nat(6),
});

test('what several registries counted, merged, is what one would have counted', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const lanes = [open(), open(), open()];
      const whole = open();
      for (const one of steps) {
        lanes[one.lane]?.note(one);
        whole.note(one);
      }
      const merged = exposeSnapshot(
        mergeSnapshots(lanes.map(({ registry }) => structuredClone(registry.snapshot()))),
      );
      // The order of label sets is that of the lanes in which they first came.
      assert.deepEqual(
        merged.split('\n').toSorted(),
        whole.registry.expose().split('\n').toSorted(),
      );
    }),
  );
});

test('a histogram with other buckets is left out, and a metric that one registry alone has is kept', () => {
  const one = new Registry();
  one.histogram({ name: 'wait_seconds', help: 'Wait.', buckets: [1] }).observe(0.5);
  const other = new Registry();
  other.histogram({ name: 'wait_seconds', help: 'Wait.', buckets: [2] }).observe(0.5);
  other.counter({ name: 'lost_total', help: 'Lost.' }).inc(2);
  const text = exposeSnapshot(mergeSnapshots([one.snapshot(), other.snapshot()]));
  assert.match(text, /wait_seconds_count 1\n/);
  assert.match(text, /# TYPE lost_total counter\nlost_total 2\n/);
});
