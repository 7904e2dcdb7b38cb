import assert from 'node:assert/strict';
import test from 'node:test';
import { VirtualClock } from '@millrace/stdx';
import type { BodyEnd } from '../messages/body.ts';
import { HandBody } from '../testing/hand-body.ts';
import { TimedBody } from './timed-body.ts';

function open(limits: { pieceMsMax?: number; leftMs?: number }): {
  clock: VirtualClock;
  source: HandBody;
  body: TimedBody;
  ends: BodyEnd[];
  over: BodyEnd[];
  isSlow: { value: boolean };
} {
  const [clock, source] = [new VirtualClock(), new HandBody()];
  const { pieceMsMax, leftMs } = limits;
  const body = new TimedBody(source, clock, { pieceMsMax, leftMs });
  const [ends, over]: [BodyEnd[], BodyEnd[]] = [[], []];
  const isSlow = { value: false };
  body.whenOver((end) => over.push(end));
  body.pipeTo({
    write: () => undefined,
    flush: () => !isSlow.value,
    end: (end) => void ends.push(end),
  });
  return { clock, source, body, ends, over, isSlow };
}

test('a body that pauses too long has stalled, and is stopped', () => {
  const { clock, source, ends, over } = open({ pieceMsMax: 100 });
  for (let piece = 0; piece < 5; piece++) {
    clock.advance(90);
    source.give('x');
  }
  assert.deepEqual(ends, []);
  clock.advance(100);
  assert.deepEqual(ends, ['stalled']);
  assert.deepEqual(over, ['stalled']);
  assert.ok(source.isDestroyed);
});

test('however steadily it comes, it ends in time', () => {
  const { clock, source, ends } = open({ leftMs: 300 });
  for (let piece = 0; piece < 5; piece++) {
    clock.advance(90);
    source.give('x');
  }
  assert.deepEqual(ends, ['stalled']);
});

test('a reader that is slow is not held against the engine', () => {
  const { clock, source, body, ends, isSlow } = open({ pieceMsMax: 100 });
  isSlow.value = true;
  source.give('x');
  clock.advance(10_000);
  assert.deepEqual(ends, []);
  isSlow.value = false;
  body.resume();
  clock.advance(100);
  assert.deepEqual(ends, ['stalled']);
});

test('one that ends in time, or is not wanted, is not ended again', () => {
  const whole = open({ pieceMsMax: 100, leftMs: 200 });
  whole.source.finish('whole');
  const unwanted = open({ pieceMsMax: 100, leftMs: 200 });
  unwanted.body.destroy();
  for (const { clock } of [whole, unwanted]) clock.advance(1_000);
  assert.deepEqual([whole.ends, whole.over], [['whole'], ['whole']]);
  assert.deepEqual([unwanted.ends, unwanted.over], [[], ['destroyed']]);
});
