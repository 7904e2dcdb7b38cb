import assert from 'node:assert/strict';
import test from 'node:test';
import { lentBytesMax, lentBytesMin, SpareMemory } from './spare-memory.ts';

test('memory that comes back is lent again to whoever needs as much', () => {
  const spare = new SpareMemory(4 * lentBytesMax);
  const memory = spare.lend(100_000);
  assert.equal(memory.byteLength, 128 * 1024);
  spare.takeBack(memory);
  assert.notEqual(spare.lend(lentBytesMin), memory);
  assert.equal(spare.lend(65_537), memory);
  assert.equal(spare.bytesKept, 0);
});

test('sizes go from the least to the most that is lent', () => {
  const spare = new SpareMemory(0);
  assert.equal(spare.lend(1).byteLength, lentBytesMin);
  assert.equal(spare.lend(lentBytesMin).byteLength, lentBytesMin);
  assert.equal(spare.lend(lentBytesMin + 1).byteLength, 2 * lentBytesMin);
  assert.equal(spare.lend(lentBytesMax).byteLength, lentBytesMax);
  assert.throws(() => spare.lend(lentBytesMax + 1));
});

test('memory that somebody still reads is not lent again', () => {
  const spare = new SpareMemory(4 * lentBytesMax);
  const memory = spare.lend(lentBytesMin);
  memory.hold();
  memory.hold();
  memory.letGo();
  spare.takeBack(memory);
  assert.equal(spare.bytesKept, 0);
  assert.notEqual(spare.lend(lentBytesMin), memory);
  memory.letGo();
  assert.equal(memory.isRead, false);
  assert.throws(() => memory.letGo());
});

test('no more is kept than the bound', () => {
  const spare = new SpareMemory(2 * lentBytesMin);
  const lent = [1, 2, 3].map(() => spare.lend(lentBytesMin));
  for (const memory of lent) spare.takeBack(memory);
  assert.equal(spare.bytesKept, 2 * lentBytesMin);
});
