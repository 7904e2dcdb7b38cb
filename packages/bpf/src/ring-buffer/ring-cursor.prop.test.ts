import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { FakeRing, type Reservation } from '../testing/fake-ring.ts';
import { RingCursor, type Span } from './ring-cursor.ts';

type Step =
  | { readonly kind: 'reserve'; readonly byteLength: number }
  | { readonly kind: 'submit' | 'discard'; readonly which: number }
  | { readonly kind: 'drain' | 'take'; readonly recordsMax: number };

interface Modelled {
  readonly reservation: Reservation;
  readonly fill: number;
  state: 'busy' | 'submitted' | 'discarded';
}

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('reserve' as const),
    byteLength: fc.integer({ min: 0, max: 120 }),
  }),
  fc.record({ kind: fc.constantFrom('submit' as const, 'discard' as const), which: fc.nat(20) }),
  fc.record({
    kind: fc.constantFrom('drain' as const, 'take' as const),
    recordsMax: fc.integer({ min: 1, max: 8 }),
  }),
);

/** Positions that lie at, before and past where their low half wraps. */
const start = fc.constantFrom(0, 2 ** 32 - 512, 2 ** 32, 2 ** 40 + 64);

test('delivers what was submitted, once, in order, past nothing busy, wherever the ring wraps', () => {
  fc.assert(
    fc.property(start, fc.array(step, { maxLength: 200 }), (startsAt, steps) => {
      const ring = new FakeRing(512, startsAt);
      const cursor = new RingCursor(ring.memory);
      const waiting: Modelled[] = [];
      const totals = { delivered: 0, discarded: 0, fill: 0 };
      for (const current of steps) {
        if (current.kind === 'reserve') reserve(ring, waiting, { current, totals });
        else if (current.kind === 'submit' || current.kind === 'discard')
          finish(ring, waiting, current);
        else if (current.kind === 'drain' || current.kind === 'take')
          read({ cursor, waiting, totals, current });
        const { delivered, discarded, bytesBehind } = cursor.counters;
        assert.deepEqual(
          { delivered, discarded },
          { delivered: totals.delivered, discarded: totals.discarded },
        );
        const bytes = waiting.reduce(
          (sum, { reservation }) => sum + Math.ceil((reservation.byteLength + 8) / 8) * 8,
          0,
        );
        assert.equal(bytesBehind, bytes);
      }
    }),
    { numRuns: 500 },
  );
});

function reserve(
  ring: FakeRing,
  waiting: Modelled[],
  {
    current,
    totals,
  }: { readonly current: Step & { readonly kind: 'reserve' }; readonly totals: { fill: number } },
): void {
  const used = waiting.reduce(
    (sum, { reservation }) => sum + Math.ceil((reservation.byteLength + 8) / 8) * 8,
    0,
  );
  const reservation = ring.reserve(current.byteLength);
  // The room of what was read is free again: only what waits is in the way.
  const fits = used + Math.ceil((current.byteLength + 8) / 8) * 8 <= 511;
  assert.equal(reservation !== undefined, fits);
  if (reservation === undefined) return;
  totals.fill = (totals.fill + 1) % 256;
  waiting.push({ reservation, fill: totals.fill, state: 'busy' });
}

function finish(
  ring: FakeRing,
  waiting: readonly Modelled[],
  { kind, which }: Step & { readonly kind: 'submit' | 'discard' },
): void {
  const busy = waiting.filter(({ state }) => state === 'busy');
  const record = busy[which % Math.max(1, busy.length)];
  if (record === undefined) return;
  if (kind === 'submit') ring.submit(record.reservation, record.fill);
  else ring.discard(record.reservation);
  record.state = kind === 'submit' ? 'submitted' : 'discarded';
}

interface Reading {
  readonly cursor: RingCursor;
  readonly waiting: Modelled[];
  readonly totals: { delivered: number; discarded: number };
  readonly current: { readonly kind: 'drain' | 'take'; readonly recordsMax: number };
}

function read({ cursor, waiting, totals, current }: Reading): void {
  const expected: Modelled[] = [];
  let passed = 0;
  for (;;) {
    const next = waiting[0];
    const isFull =
      current.kind === 'drain'
        ? passed === current.recordsMax
        : expected.length === current.recordsMax;
    if (next === undefined || next.state === 'busy' || isFull) break;
    waiting.shift();
    passed += 1;
    if (next.state === 'submitted') expected.push(next);
    else totals.discarded += 1;
  }
  totals.delivered += expected.length;
  const seen: { byteLength: number; fill: number }[] = [];
  const visit = (view: DataView, offset: number, byteLength: number): void => {
    const bytes = new Uint8Array(view.buffer, offset, byteLength);
    const fill = bytes[0] ?? -1;
    assert.ok(bytes.every((byte) => byte === fill));
    seen.push({ byteLength, fill });
  };
  if (current.kind === 'drain') cursor.drain(visit, current.recordsMax);
  else {
    const span: Span = {
      offsets: new Int32Array(current.recordsMax),
      lengths: new Int32Array(current.recordsMax),
      count: 0,
      hasMoved: false,
    };
    cursor.take(span);
    assert.equal(span.hasMoved, passed > 0);
    for (let index = 0; index < span.count; index += 1) {
      visit(cursor.view, span.offsets[index] ?? 0, span.lengths[index] ?? 0);
    }
    cursor.release();
  }
  assert.deepEqual(
    seen,
    expected.map(({ reservation: { byteLength }, fill }) => ({
      byteLength,
      fill: byteLength === 0 ? -1 : fill,
    })),
  );
}
