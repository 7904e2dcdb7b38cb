import assert from 'node:assert/strict';
import test from 'node:test';
import { seededPrng } from '@millrace/stdx';
import { bootstrapMedian } from './bootstrap.ts';

test('the interval holds the true median in about 95 of 100 repetitions', () => {
  const prng = seededPrng(7);
  const repetitions = 150;
  let held = 0;
  for (let repetition = 0; repetition < repetitions; repetition++) {
    // A triangle around 3.
    const values = Array.from({ length: 21 }, () => 3 + prng.next() - prng.next());
    const { low, high, estimate } = bootstrapMedian(values, prng);
    assert.ok(low <= estimate && estimate <= high);
    if (low <= 3 && 3 <= high) held++;
  }
  assert.ok(held / repetitions > 0.88 && held / repetitions < 1, `${held} of ${repetitions}`);
});

test('values that are all alike leave no doubt', () => {
  assert.deepEqual(bootstrapMedian([2, 2, 2], seededPrng(1)), { estimate: 2, low: 2, high: 2 });
});
