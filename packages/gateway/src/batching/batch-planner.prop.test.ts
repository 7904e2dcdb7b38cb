import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Batch, type BatchMember, BatchPlanner } from './batch-planner.ts';

interface Request extends BatchMember {
  readonly number: number;
  readonly addedAtMs: number;
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      key: fc.constantFrom('a', 'b', 'c'),
      inputCount: fc.integer({ min: 1, max: 6 }),
      byteCount: fc.integer({ min: 0, max: 60 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat() }) },
);

const bounds = fc.record({
  inputsMax: fc.integer({ min: 1, max: 8 }),
  delayMsMax: fc.nat(10),
  bytesMax: fc.integer({ min: 1, max: 100 }),
  waitingMax: fc.integer({ min: 1, max: 6 }),
});

test('every request is sent exactly once or taken back, in order, within all bounds', () => {
  fc.assert(
    fc.property(bounds, fc.array(step, { maxLength: 60 }), (limits, steps) => {
      const planner = new BatchPlanner<Request>(limits);
      const open = new Set<Request>();
      const lastOf = new Map<string, number>();
      let nowMs = 0;
      let number = 0;
      const send = (batches: readonly Batch<Request>[]): void => {
        for (const batch of batches) {
          const sum = (field: 'inputCount' | 'byteCount'): number =>
            batch.reduce((total, request) => total + request[field], 0);
          if (batch.length > 1) {
            assert.ok(sum('inputCount') <= limits.inputsMax, 'too many inputs');
            assert.ok(sum('byteCount') <= limits.bytesMax, 'too many bytes');
          }
          for (const request of batch) {
            assert.equal(request.key, batch[0]?.key, 'one key');
            assert.ok(open.delete(request), 'sent once');
            assert.ok(nowMs - request.addedAtMs <= limits.delayMsMax, 'waited too long');
          }
          if (batch.length > 1) {
            const numbers = batch.map((request) => request.number);
            assert.deepEqual(
              numbers,
              numbers.toSorted((one, other) => one - other),
              'in order',
            );
            assert.ok((lastOf.get(batch[0]?.key ?? '') ?? -1) < (numbers[0] ?? 0), 'in order');
            lastOf.set(batch[0]?.key ?? '', numbers.at(-1) ?? 0);
          }
        }
      };
      const passUntil = (endMs: number): void => {
        for (let next = planner.nextDueAtMs; next !== undefined && next <= endMs;) {
          nowMs = next;
          send(planner.due(nowMs));
          next = planner.nextDueAtMs;
        }
        nowMs = endMs;
      };
      for (const each of steps) {
        if (each.kind === 'wait') passUntil(nowMs + each.ms);
        else if (each.kind === 'remove') {
          const request = [...open][each.which % Math.max(1, open.size)];
          if (request !== undefined) {
            assert.ok(planner.remove(request));
            assert.ok(!planner.remove(request));
            open.delete(request);
          }
        } else {
          const { key, inputCount, byteCount } = each;
          const request = { key, inputCount, byteCount, number: number++, addedAtMs: nowMs };
          open.add(request);
          send(planner.add(request, nowMs));
          passUntil(nowMs);
        }
        assert.equal(planner.waitingCount, open.size);
        assert.ok(planner.waitingCount <= limits.waitingMax);
      }
      passUntil(nowMs + limits.delayMsMax);
      assert.equal(open.size, 0);
      assert.equal(planner.nextDueAtMs, undefined);
    }),
  );
});

const request = { key: 'k', inputCount: 1, byteCount: 10 };
const limits = { inputsMax: 3, delayMsMax: 5, bytesMax: 1000, waitingMax: 100 };

test('requests that come rarely do not wait', () => {
  const planner = new BatchPlanner<BatchMember>(limits);
  for (let at = 0; at < 100; at += 20) assert.deepEqual(planner.add(request, at), [[request]]);
});

test('requests that come close together wait for one another until the batch is full or due', () => {
  const planner = new BatchPlanner<BatchMember>(limits);
  const [first, second, third, fourth, fifth] = Array.from({ length: 5 }, () => ({ ...request }));
  assert.ok(first && second && third && fourth && fifth);
  assert.deepEqual(planner.add(first, 0), [[first]]);
  assert.deepEqual(planner.add(second, 1), []);
  assert.equal(planner.nextDueAtMs, 6);
  assert.deepEqual(planner.add(third, 2), []);
  assert.deepEqual(planner.add(fourth, 3), [[second, third, fourth]]);
  assert.deepEqual(planner.add(fifth, 4), []);
  assert.deepEqual(planner.due(8), []);
  assert.deepEqual(planner.due(9), [[fifth]]);
});
