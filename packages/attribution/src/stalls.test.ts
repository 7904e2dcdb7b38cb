import assert from 'node:assert/strict';
import test from 'node:test';
import { attribute } from './attribute.ts';
import type { EvidenceItem } from './evidence/evidence.ts';
import { findStalls } from './stalls.ts';

const ms = 1_000_000;

function stallsOf(
  writesMs: readonly number[],
  items: readonly EvidenceItem[],
): readonly (readonly [string, number])[] {
  const writes = writesMs.map((at) => ({
    startNs: at * ms,
    endNs: at * ms,
    bytes: 1,
    events: 1,
    chunks: 1,
  }));
  const endNs = (writesMs.at(-1) ?? 0) * ms;
  const timeline = { connectionId: '1', startNs: 0, writes, endNs, end: 'finished' as const };
  const attribution = attribute(timeline, { watched: ['scheduler', 'tcp'], items });
  return findStalls(attribution).map(({ cause, excessNs }) => [cause, excessNs / ms] as const);
}

test('a steady stream has no stalls, however slow it is', () => {
  assert.deepEqual(stallsOf([500, 1_000, 1_500, 2_000, 2_500], []), []);
});

test('a pause of the engine is a stall by what passes its usual time', () => {
  assert.deepEqual(stallsOf([500, 520, 540, 560, 800, 820], []), [['engine', 220]]);
});

test('a cause of less than the usual gap is named when it is most of the excess', () => {
  const wait: EvidenceItem = {
    kind: 'run_queue',
    threadId: 1,
    startNs: 410 * ms,
    endNs: 470 * ms,
  };
  assert.deepEqual(stallsOf([100, 200, 300, 400, 560, 660], [wait]), []);
  assert.deepEqual(stallsOf([50, 100, 150, 400, 510, 560, 610], [wait]), [
    ['engine', 200],
    ['cpu_runqueue', 60],
  ]);
});

test('a stall that no cause explains by half is unknown', () => {
  const items: EvidenceItem[] = [
    { kind: 'run_queue', threadId: 1, startNs: 120 * ms, endNs: 180 * ms },
    { kind: 'throttled', startNs: 180 * ms, endNs: 240 * ms },
  ];
  assert.deepEqual(stallsOf([20, 40, 60, 80, 100, 300, 320], items), [['unknown', 180]]);
});

test('the time to the first piece stalls by what others than the engine took of it', () => {
  const wait: EvidenceItem = { kind: 'run_queue', threadId: 1, startNs: 0, endNs: 80 * ms };
  assert.deepEqual(stallsOf([500, 520, 540], [wait]), [['cpu_runqueue', 80]]);
});
