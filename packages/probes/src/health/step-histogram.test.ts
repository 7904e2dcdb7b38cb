import assert from 'node:assert/strict';
import test from 'node:test';
import { readEngineSteps, stepQuantileNs } from './step-histogram.ts';

function value(entries: Readonly<Record<number, number>>): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * (4 + 320 + 24)));
  for (const [at, count] of Object.entries(entries))
    view.setBigUint64(Number(at) * 8, BigInt(count), true);
  return new Uint8Array(view.buffer);
}

test('what the processors counted apart is added up', () => {
  // 1,000,000 ns is 2^19 × 1.907: slot 19 × 8 + 7.
  const steps = readEngineSteps([
    value({ 0: 3, 1: 30, 2: 3_000_000, [4 + 159]: 3 }),
    value({ 0: 1, 1: 1, 2: 40, 3: 2, [4 + 42]: 1, [4 + 320 + 4]: 1 }),
  ]);
  assert.deepEqual(
    [steps.steps, steps.tokens, steps.totalNs, steps.unpaired],
    [4, 31, 3_000_040, 2],
  );
  assert.equal(steps.batch[4], 1);
  assert.equal(stepQuantileNs(steps, 0.5), 2 ** 20);
  assert.equal(stepQuantileNs(steps, 0.25), 2 ** 5 * (1 + 3 / 8));
});

test('without steps there is no quantile', () => {
  assert.ok(Number.isNaN(stepQuantileNs(readEngineSteps([]), 0.5)));
});
