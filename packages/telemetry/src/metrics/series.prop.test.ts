import assert from 'node:assert/strict';
import test from 'node:test';
import { AssertionError } from '@millrace/stdx';
import fc from 'fast-check';
import { LabelSets } from './label-sets.ts';
import { Counter, Histogram } from './series.ts';

const ascending = fc
  .uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 12 })
  .map((bounds) => bounds.toSorted((one, other) => one - other));
const values = fc.array(fc.integer({ min: -80, max: 80 }), { maxLength: 60 });

test('counts a value in every bucket whose bound it does not exceed', () => {
  fc.assert(
    fc.property(ascending, values, (bounds, observed) => {
      const histogram = new Histogram(bounds);
      for (const value of observed) histogram.observe(value);
      const expected = [...bounds, Number.POSITIVE_INFINITY].map(
        (bound) => observed.filter((value) => value <= bound).length,
      );
      assert.deepEqual(histogram.cumulativeCounts(), expected);
      assert.equal(histogram.count, observed.length);
      assert.equal(
        histogram.sum,
        observed.reduce((sum, value) => sum + value, 0),
      );
    }),
  );
});

test('estimates a quantile within the bucket that holds the true one', () => {
  fc.assert(
    fc.property(
      ascending,
      values,
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (bounds, observed, q) => {
        fc.pre(observed.length > 0);
        const histogram = new Histogram(bounds);
        for (const value of observed) histogram.observe(value);
        const sorted = observed.toSorted((one, other) => one - other);
        const truth = sorted[Math.ceil(q * sorted.length) - 1] ?? 0;
        const at = bounds.findIndex((bound) => truth <= bound);
        const upper = bounds[at] ?? bounds.at(-1) ?? 0;
        const lower = at === -1 ? upper : (bounds[at - 1] ?? Math.min(0, upper));
        const estimate = histogram.quantile(q);
        assert.ok(
          estimate >= lower - 1e-9 && estimate <= upper + 1e-9,
          `${estimate} in ${lower}..${upper}`,
        );
      },
    ),
  );
});

test('has no quantile without values, and none out of range', () => {
  assert.ok(Number.isNaN(new Histogram([1]).quantile(0.5)));
  assert.throws(() => new Histogram([1]).quantile(1.1), AssertionError);
});

test('a counter grows by any amount but a negative one', () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), (steps) => {
      const counter = new Counter();
      for (const step of steps) counter.inc(step);
      assert.equal(
        counter.value,
        steps.reduce((sum, step) => sum + step, 0),
      );
    }),
  );
  assert.throws(() => new Counter().inc(-1), AssertionError);
  assert.throws(() => new Counter().inc(Number.NaN), AssertionError);
});

test('different label values never share a series before the bound, and never pass it', () => {
  const labels = fc.record({ one: fc.string(), other: fc.string() });
  fc.assert(
    fc.property(
      fc.array(labels, { maxLength: 30 }),
      fc.integer({ min: 1, max: 10 }),
      (sets, labelSetsMax) => {
        const series = new LabelSets({
          labelNames: ['one', 'other'],
          labelSetsMax,
          labelValueCharactersMax: 100,
          create: () => new Counter(),
          onOverflow: () => undefined,
        });
        for (const set of sets) series.get(set).inc();
        const distinct = new Set(sets.map(({ one, other }) => JSON.stringify([one, other])));
        const entries = [...series.entries()];
        assert.equal(
          entries.length,
          Math.min(distinct.size, labelSetsMax) + (distinct.size > labelSetsMax ? 1 : 0),
        );
        assert.equal(
          entries.reduce((sum, { handle }) => sum + handle.value, 0),
          sets.length,
        );
      },
    ),
  );
});
