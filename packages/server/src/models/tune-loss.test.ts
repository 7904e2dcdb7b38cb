import assert from 'node:assert/strict';
import test from 'node:test';
import { lossOf } from './tune-loss.ts';

function logs(values: readonly number[]): Float32Array {
  return Float32Array.from(values, Math.log);
}

test('equal distributions lose nothing and agree', () => {
  const rows = [logs([0.5, 0.5]), logs([0.2, 0.8])];
  assert.deepEqual(lossOf(rows, rows), { meanNats: 0, top1Agreement: 1, tokens: 2 });
});

test('the loss is the mean of the divergences by the textbook', () => {
  const expected = (0.5 * Math.log(0.5 / 0.9) + 0.5 * Math.log(0.5 / 0.1)) / 2;
  const reference = [logs([0.5, 0.5]), logs([0.2, 0.8])];
  const { meanNats } = lossOf(reference, [logs([0.9, 0.1]), logs([0.2, 0.8])]);
  assert.ok(Math.abs(meanNats - expected) < 1e-6, `${meanNats} for ${expected}`);
});

test('the share of places with the same likeliest token is counted', () => {
  const reference = [logs([0.6, 0.4]), logs([0.2, 0.8])];
  const { top1Agreement } = lossOf(reference, [logs([0.4, 0.6]), logs([0.3, 0.7])]);
  assert.equal(top1Agreement, 0.5);
});
