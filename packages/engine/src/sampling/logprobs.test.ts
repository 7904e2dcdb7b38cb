import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { logprobsOf } from './logprobs.ts';

test('equals softmax and a full sort', () => {
  const row = fc.array(fc.float({ min: -30, max: 30, noNaN: true }), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(row, fc.nat(), fc.nat(8), (values, pick, topCount) => {
      const logits = Float32Array.from(values);
      const token = pick % logits.length;
      const weights = Array.from(logits, (value) => Math.exp(value));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      const { chosen, top } = logprobsOf(logits, token, topCount);
      assert.ok(Math.abs(chosen - Math.log((weights[token] ?? 0) / sum)) < 1e-6);
      const sorted = Array.from(logits)
        .toSorted((one, other) => other - one)
        .slice(0, topCount);
      assert.deepEqual(
        top.map((ranked) => logits[ranked.token]),
        sorted,
      );
      assert.equal(new Set(top.map((ranked) => ranked.token)).size, top.length);
    }),
  );
});
