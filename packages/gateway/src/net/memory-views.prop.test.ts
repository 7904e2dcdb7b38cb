import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { MemoryViews } from './memory-views.ts';

const byteCount = 500;

test('a view is of the bytes that were asked for, whatever was asked for before', () => {
  const ranges = fc.array(fc.tuple(fc.nat(byteCount), fc.nat(byteCount)), { maxLength: 200 });
  fc.assert(
    fc.property(ranges, (all) => {
      const views = new MemoryViews(byteCount);
      for (const [one, other] of all) {
        const [start, end] = one < other ? [one, other] : [other, one];
        const view = views.of(start, end);
        assert.equal(view.length, end - start);
        assert.equal(view.buffer, views.memory.buffer);
        if (end > start) assert.equal(view.byteOffset - views.memory.byteOffset, start);
      }
    }),
  );
});

test('the same view is given again, so that an event makes none', () => {
  const views = new MemoryViews(byteCount);
  const first = views.of(4, 219);
  views.of(4, 220);
  assert.equal(views.of(4, 219), first);
});
