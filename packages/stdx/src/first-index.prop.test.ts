import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { firstIndex } from './first-index.ts';

test('finds in a sorted list what a look at each item finds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 20 })),
      fc.integer({ min: -1, max: 21 }),
      (list, bound) => {
        const sorted = list.toSorted((one, other) => one - other);
        for (const passes of [(item: number) => item > bound, (item: number) => item >= bound]) {
          const found = sorted.findIndex(passes);
          assert.equal(firstIndex(sorted, passes), found < 0 ? sorted.length : found);
        }
      },
    ),
  );
});

test('looks at no more than the logarithm of a list', () => {
  let looks = 0;
  const list = Array.from({ length: 1 << 16 }, (_, index) => index);
  assert.equal(
    firstIndex(list, (item) => (looks++, item > 40_000)),
    40_001,
  );
  assert.ok(looks <= 17, `${looks} looks`);
});
