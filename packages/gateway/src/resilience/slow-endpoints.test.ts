import assert from 'node:assert/strict';
import test from 'node:test';
import { slowEndpoints, slownessDefaults } from './slow-endpoints.ts';

function paces(ttfts: readonly number[], group = 'vllm'): Parameters<typeof slowEndpoints>[0] {
  return ttfts.map((ttftMs, endpoint) => ({ endpoint, group, ttftMs, answers: 50 }));
}

test('one that takes many times as long as its like is slow', () => {
  assert.deepEqual(slowEndpoints(paces([400, 500, 6_000, 450]), slownessDefaults), [2]);
});

test('among fast ones a multiple is no reason, nor is a moment', () => {
  assert.deepEqual(slowEndpoints(paces([4, 5, 60, 4]), slownessDefaults), []);
  const few = paces([400, 500, 6_000, 450]).map((pace) => ({ ...pace, answers: 9 }));
  assert.deepEqual(slowEndpoints(few, slownessDefaults), []);
});

test('engines of another kind, and a single other, are no measure', () => {
  const mixed = [
    ...paces([400, 500, 450]),
    { endpoint: 9, group: 'cpu', ttftMs: 9_000, answers: 50 },
  ];
  assert.deepEqual(slowEndpoints(mixed, slownessDefaults), []);
  assert.deepEqual(slowEndpoints(paces([400, 9_000]), slownessDefaults), []);
});

test('when all are slow none is', () => {
  assert.deepEqual(slowEndpoints(paces([6_000, 7_000, 8_000, 9_000]), slownessDefaults), []);
});
