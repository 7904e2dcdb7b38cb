import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeRing } from '../testing/fake-ring.ts';
import { RingCursor } from './ring-cursor.ts';

test('refuses a ring whose size is no power of two', () => {
  const { memory } = new FakeRing(512);
  assert.throws(() => new RingCursor({ ...memory, byteLength: 500 }), { code: 'BPF_RING_INVALID' });
});

test('tells of a ring whose records do not add up instead of reading past them', () => {
  const ring = new FakeRing(512);
  const reservation = ring.reserve(16);
  assert.ok(reservation);
  const cursor = new RingCursor(ring.memory);
  new DataView(ring.memory.produced).setUint32(ring.memory.dataOffset, 400, true);
  assert.throws(() => cursor.drain(() => undefined, 1), { code: 'BPF_RING_INVALID' });
});

test('a visitor that throws leaves the records behind it for the next drain', () => {
  const ring = new FakeRing(512);
  for (const fill of [1, 2, 3]) ring.submit(ring.reserve(8) ?? assert.fail(), fill);
  const cursor = new RingCursor(ring.memory);
  const seen: number[] = [];
  const visit = (view: DataView, offset: number): void => {
    seen.push(view.getUint8(offset));
    if (seen.length === 2) throw new Error('broken visitor');
  };
  assert.throws(() => cursor.drain(visit, 10), /broken visitor/);
  cursor.drain(visit, 10);
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(cursor.counters.bytesBehind, 0);
});

test('gives room back during a long drain', () => {
  const ring = new FakeRing(8_192);
  const cursor = new RingCursor(ring.memory);
  while (true) {
    const reservation = ring.reserve(8);
    if (reservation === undefined) break;
    ring.submit(reservation, 7);
  }
  let count = 0;
  let roomAt: number | undefined;
  cursor.drain(() => {
    count += 1;
    if (roomAt === undefined && ring.reserve(8) !== undefined) roomAt = count;
  }, 500);
  assert.ok(roomAt !== undefined && roomAt < 300, `room came at record ${roomAt}`);
});
