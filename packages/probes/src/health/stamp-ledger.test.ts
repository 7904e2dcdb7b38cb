import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeStampEvent, type StampEvent } from '../decoders/stamp-event.ts';
import { StampLedger } from './stamp-ledger.ts';

function stamp(
  kind: StampEvent['kind'],
  timeNs: number,
  endOffset: number,
  cookie = 1,
): StampEvent {
  return { kind, timeNs, queuedNs: 0, endOffset, cookie };
}

test('the stamps of a write are kept by where it ends, the first of each kind', () => {
  const ledger = new StampLedger();
  ledger.push(stamp('queued', 10, 100));
  ledger.push(stamp('sent', 20, 100));
  ledger.push(stamp('sent', 99, 100));
  ledger.push(stamp('acknowledged', 200, 100));
  ledger.push(stamp('queued', 30, 150));
  assert.deepEqual(ledger.of(1, 100), { queuedNs: 10, sentNs: 20, ackedNs: 200 });
  assert.deepEqual(ledger.of(1, 150), { queuedNs: 30 });
  assert.equal(ledger.of(1, 120), undefined);
  assert.equal(ledger.of(2, 100), undefined);
});

test('at its bounds the oldest leave', () => {
  const ledger = new StampLedger({ connectionsMax: 2, writesMax: 2 });
  for (const offset of [1, 2, 3]) ledger.push(stamp('sent', offset, offset));
  assert.equal(ledger.of(1, 1), undefined);
  assert.deepEqual(ledger.of(1, 3), { sentNs: 3 });
  ledger.push(stamp('sent', 1, 1, 2));
  ledger.push(stamp('sent', 1, 1, 3));
  assert.equal(ledger.of(1, 3), undefined);
});

test('a record is read, one of an unknown kind is refused', () => {
  const view = new DataView(new ArrayBuffer(32));
  view.setBigUint64(0, 5n, true);
  view.setBigUint64(8, 7n, true);
  view.setBigUint64(16, 4_294_967_300n, true);
  view.setUint8(26, 3);
  assert.deepEqual(decodeStampEvent(view, 0, 32), stamp('acknowledged', 5, 4_294_967_300, 7));
  view.setUint8(26, 5);
  assert.throws(() => decodeStampEvent(view, 0, 32), { code: 'PROBES_EVENT_INVALID' });
  assert.throws(() => decodeStampEvent(view, 0, 31), { code: 'PROBES_EVENT_INVALID' });
});

test('a write that left tells two stamps at once', () => {
  const view = new DataView(new ArrayBuffer(40));
  view.setBigUint64(0, 90n, true);
  view.setBigUint64(8, 1n, true);
  view.setBigUint64(16, 400n, true);
  view.setUint8(26, 4);
  view.setBigUint64(32, 30n, true);
  const ledger = new StampLedger();
  ledger.push(decodeStampEvent(view, 0, 40));
  assert.deepEqual(ledger.of(1, 400), { queuedNs: 30, sentNs: 90 });
  assert.throws(() => decodeStampEvent(view, 0, 32), { code: 'PROBES_EVENT_INVALID' });
});
