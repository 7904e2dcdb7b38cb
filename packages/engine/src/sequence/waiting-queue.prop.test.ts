import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Sequence } from './sequence.ts';
import { WaitingQueue } from './waiting-queue.ts';

const agingMs = 1000;

function sequenceOf(id: number, priority: number, arrivedAtMs: number): Sequence {
  return new Sequence({
    id,
    prompt: new Int32Array(id + 1),
    tokensMax: id + 10,
    priority,
    tenant: '',
    arrivedAtMs,
    deadlineAtMs: Number.POSITIVE_INFINITY,
  });
}

test('serves by rank, first come first served among equals, and counts its tokens', () => {
  const arrival = fc.record({
    priority: fc.integer({ min: -3, max: 3 }),
    gapMs: fc.nat(900),
    leaves: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 40 }), (arrivals) => {
      const queue = new WaitingQueue(agingMs);
      const model: Sequence[] = [];
      let nowMs = 0;
      for (const [id, { priority, gapMs, leaves }] of arrivals.entries()) {
        nowMs += gapMs;
        const sequence = sequenceOf(id, priority, nowMs);
        queue.add(sequence);
        model.push(sequence);
        if (!leaves) continue;
        const [first] = model.splice(Math.floor(model.length / 2), 1);
        assert.ok(first !== undefined && queue.remove(first));
        assert.equal(queue.remove(first), false);
      }
      const rank = (sequence: Sequence): number =>
        sequence.arrivedAtMs + sequence.priority * agingMs;
      model.sort((one, other) => rank(one) - rank(other) || one.id - other.id);
      assert.deepEqual([...queue], model);
      assert.equal(
        queue.tokens,
        model.reduce((sum, sequence) => sum + sequence.length, 0),
      );
    }),
  );
});

test('whoever waits long enough goes before the more urgent', () => {
  const queue = new WaitingQueue(agingMs);
  const patient = sequenceOf(0, 2, 0);
  const urgent = sequenceOf(1, 0, 2500);
  queue.add(urgent);
  queue.add(patient);
  assert.deepEqual([...queue], [patient, urgent]);
});
