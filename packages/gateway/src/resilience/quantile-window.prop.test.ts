import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { quantileBuckets, QuantileWindow } from './quantile-window.ts';

test('quantiles are within four percent of those of a sorted list', () => {
  const durations = fc.array(fc.integer({ min: 1, max: 600_000 }), {
    minLength: 1,
    maxLength: 500,
  });
  fc.assert(
    fc.property(durations, fc.double({ min: 0.01, max: 1, noNaN: true }), (list, q) => {
      const window = new QuantileWindow(new Int32Array(quantileBuckets));
      for (const durationMs of list) window.note(durationMs);
      const exact = list.toSorted((one, other) => one - other)[Math.ceil(q * list.length) - 1];
      const found = window.quantileMs(q, 1);
      assert.ok(exact !== undefined && found !== undefined);
      assert.ok(Math.abs(found / exact - 1) < 0.04, `${found} for ${exact}`);
    }),
  );
});

test('what was long ago fades, and too few durations have no quantile', () => {
  const window = new QuantileWindow(new Int32Array(quantileBuckets));
  for (let count = 0; count < 500; count++) window.note(10);
  for (let count = 0; count < 5_000; count++) window.note(1_000);
  assert.ok((window.quantileMs(0.05, 100) ?? 0) > 900);
  assert.ok(window.count <= 1_024);
  assert.equal(new QuantileWindow(new Int32Array(quantileBuckets)).quantileMs(0.5, 0), undefined);
});
