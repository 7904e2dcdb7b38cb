import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { randomSeed, seededPrng } from './prng.ts';

test('a seed repeats its numbers, and another seed has others', () => {
  const draw = (seed: number): readonly number[] => {
    const random = seededPrng(seed);
    return Array.from({ length: 8 }, () => random.next());
  };
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (one, other) => {
      assert.deepEqual(draw(one), draw(one));
      if (one !== other) assert.notDeepEqual(draw(one), draw(other));
    }),
  );
});

test('seeds that differ above 32 bits differ in their numbers', () => {
  assert.notEqual(seededPrng(2 ** 33).next(), seededPrng(2 ** 34).next());
});

test('numbers lie in their range, and integers below their bound', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 1_000 }), (seed, bound) => {
      const random = seededPrng(seed);
      const number = random.next();
      const integer = random.below(bound);
      assert.ok(number >= 0 && number < 1);
      assert.ok(Number.isInteger(integer) && integer >= 0 && integer < bound);
    }),
  );
});

test('numbers fill their range evenly', () => {
  const random = seededPrng(7);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let draw = 0; draw < 100_000; draw++) {
    const at = random.below(10);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  // Ten standard deviations of a binomial count; a fixed seed makes this exact from run to run.
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 950, `${count} of 10000`);
});

test('a seed of the machine fits into 32 bits', () => {
  const seed = randomSeed();
  assert.ok(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32);
});
