import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { coverOf, type Interval, intersect, subtract } from './interval.ts';

const timeMax = 60;
const intervals = fc.array(
  fc
    .tuple(fc.nat(timeMax), fc.nat(12))
    .map(([startNs, length]) => ({ startNs, endNs: startNs + length })),
  { maxLength: 8 },
);

function momentsOf(spans: readonly Interval[]): ReadonlySet<number> {
  const moments = new Set<number>();
  for (const { startNs, endNs } of spans) for (let at = startNs; at < endNs; at++) moments.add(at);
  return moments;
}

test('covers behave as the sets of their moments', () => {
  fc.assert(
    fc.property(intervals, intervals, (a, b) => {
      const [coverA, coverB] = [coverOf(a), coverOf(b)];
      const [inA, inB] = [momentsOf(a), momentsOf(b)];
      assert.deepEqual(momentsOf(coverA), inA);
      assert.deepEqual(
        momentsOf(intersect(coverA, coverB)),
        new Set([...inA].filter((at) => inB.has(at))),
      );
      assert.deepEqual(
        momentsOf(subtract(coverA, coverB)),
        new Set([...inA].filter((at) => !inB.has(at))),
      );
      for (const cover of [coverA, intersect(coverA, coverB), subtract(coverA, coverB)]) {
        assert.ok(
          cover.every(
            ({ startNs, endNs }, at) => startNs < endNs && startNs >= (cover[at - 1]?.endNs ?? 0),
          ),
        );
      }
    }),
    { numRuns: 2_000 },
  );
});
