import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { GreedyChoice } from './greedy-choice.ts';

const logit = fc.oneof(
  fc.float({ min: -30, max: 30, noNaN: true }),
  fc.constantFrom(0, 1, Number.NEGATIVE_INFINITY, Number.NaN),
);
const bias = fc.oneof(
  fc.float({ min: -100, max: 100, noNaN: true }),
  fc.constant(Number.NEGATIVE_INFINITY),
);

test('takes the first of the largest biased logits, and leaves the row as it was', () => {
  const row = fc.array(logit, { minLength: 1, maxLength: 70 });
  fc.assert(
    fc.property(row, fc.array(fc.tuple(fc.nat(69), bias), { maxLength: 6 }), (values, biases) => {
      const biasOf = new Map(biases.filter(([token]) => token < values.length));
      const logits = Float32Array.from(values);
      const biased = Float32Array.from(values, (value, token) => value + (biasOf.get(token) ?? 0));
      const expected = biased.reduce(
        (best, value, token) => (value > (biased[best] as number) ? token : best),
        0,
      );
      assert.equal(new GreedyChoice(biasOf).choose(logits), expected);
      assert.deepEqual(logits, Float32Array.from(values));
    }),
  );
});
