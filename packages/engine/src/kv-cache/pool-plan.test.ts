import assert from 'node:assert/strict';
import test from 'node:test';
import { cellsAtMost, planPools } from './pool-plan.ts';

const common = {
  layout: 'streams',
  sequencesMax: 64,
  contextTokensMax: 8192,
  kvBytesPerToken: 23_040,
  kvBytesMax: 8 * 2 ** 30,
  hasPortableSequences: true,
} as const;

test('streams come in classes of length, the first of them at once, the others with demand', () => {
  const plans = planPools(common);
  assert.deepEqual(
    plans.map(({ initial }) => [initial.slotTokensMax, initial.slotCount]),
    [
      [512, 8],
      [2048, 0],
      [8192, 0],
    ],
  );
  assert.deepEqual(plans[0]?.growth, [16, 32, 64]);
});

test('the classes at their largest stay within the memory', () => {
  for (const gibibytes of [1, 2, 4, 8, 16]) {
    const kvBytesMax = gibibytes * 2 ** 30;
    const plans = planPools({ ...common, kvBytesMax });
    const cells = plans.reduce(
      (sum, { initial, growth }) =>
        sum + (growth.at(-1) ?? initial.slotCount) * initial.slotTokensMax,
      0,
    );
    assert.ok(cells * common.kvBytesPerToken <= kvBytesMax);
    assert.equal(plans.at(-1)?.initial.slotTokensMax, 8192, 'the whole context fits somewhere');
  }
});

test('a short context needs one class', () => {
  const plans = planPools({ ...common, contextTokensMax: 300 });
  assert.deepEqual(
    plans.map(({ initial }) => initial.slotTokensMax),
    [300],
  );
});

test('a model whose sequences cannot move has one class, of the whole context', () => {
  const plans = planPools({ ...common, hasPortableSequences: false });
  assert.deepEqual(
    plans.map(({ initial }) => initial.slotTokensMax),
    [8192],
  );
});

test('memory for less than one context is refused with the numbers', () => {
  assert.throws(() => planPools({ ...common, kvBytesMax: 2 ** 20 }), {
    code: 'ENGINE_MEMORY_TOO_SMALL',
    message: /8192 tokens needs 188743680 bytes, kvBytesMax is 1048576/,
  });
});

test('all pools at their last sizes have so many cells', () => {
  const streams = planPools(common);
  const cells = streams.map(({ initial, growth }) => (growth.at(-1) ?? 0) * initial.slotTokensMax);
  assert.equal(
    cellsAtMost(streams),
    cells.reduce((sum, count) => sum + count, 0),
  );
  const unified = planPools({ ...common, layout: 'unified' });
  assert.equal(cellsAtMost(unified), unified[0]?.initial.cellCount);
});
