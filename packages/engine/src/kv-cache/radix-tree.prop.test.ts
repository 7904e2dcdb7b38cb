import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RadixTree } from './radix-tree.ts';

const tokens = fc
  .array(fc.integer({ min: 0, max: 2 }), { maxLength: 12 })
  .map((list) => Int32Array.from(list));
const operation = fc.oneof(
  fc.record({ kind: fc.constant('hold' as const), holder: fc.nat(5), tokens }),
  fc.record({ kind: fc.constant('extend' as const), holder: fc.nat(5), tokens }),
  fc.record({ kind: fc.constant('truncate' as const), holder: fc.nat(5), length: fc.nat(12) }),
  fc.record({ kind: fc.constant('remove' as const), holder: fc.nat(5) }),
);

function naiveMatch(
  held: ReadonlyMap<number, Int32Array>,
  wanted: Int32Array,
): { length: number; holders: number[] } {
  let length = 0;
  const lengths = new Map<number, number>();
  for (const [holder, list] of held) {
    let same = 0;
    while (same < list.length && same < wanted.length && list[same] === wanted[same]) same++;
    lengths.set(holder, same);
    length = Math.max(length, same);
  }
  const holders = [...lengths].filter(([, same]) => same >= length).map(([holder]) => holder);
  return { length, holders: length === 0 ? [] : holders };
}

test('finds what a scan over all holders finds, whatever came before', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), tokens, (operations, wanted) => {
      const tree = new RadixTree<number>();
      const held = new Map<number, Int32Array>();
      for (const step of operations) {
        const before = held.get(step.holder) ?? new Int32Array(0);
        if (step.kind === 'hold') {
          tree.remove(step.holder, before);
          tree.insert(step.holder, step.tokens);
          held.set(step.holder, step.tokens);
        } else if (step.kind === 'extend') {
          const longer = Int32Array.from([...before, ...step.tokens]);
          tree.insert(step.holder, longer);
          held.set(step.holder, longer);
        } else if (step.kind === 'truncate') {
          tree.truncate(step.holder, before, step.length);
          held.set(step.holder, before.slice(0, step.length));
        } else {
          tree.remove(step.holder, before);
          held.delete(step.holder);
        }
      }
      const found = tree.longestMatch(wanted);
      const expected = naiveMatch(held, wanted);
      assert.equal(found.length, expected.length);
      assert.deepEqual([...found.holders].toSorted(), expected.holders.toSorted());
      for (const [holder, list] of held) tree.remove(holder, list);
      assert.equal(tree.nodeCount, 0, 'nothing is left when nobody holds anything');
    }),
    { numRuns: 2000 },
  );
});
