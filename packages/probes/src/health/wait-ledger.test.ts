import assert from 'node:assert/strict';
import test from 'node:test';
import { WaitLedger } from './wait-ledger.ts';

function wait(tgid: number, beginNs: number): Parameters<WaitLedger['push']>[0] {
  return { tgid, tid: tgid, beginNs, endNs: beginNs + 10, isThrottled: false };
}

test('waits are found by their process and by the time that they touch', () => {
  const ledger = new WaitLedger();
  for (const [tgid, beginNs] of [
    [1, 0],
    [1, 100],
    [2, 100],
    [1, 200],
  ] as const)
    ledger.push(wait(tgid, beginNs));
  assert.deepEqual(
    ledger.between(1, 105, 200).map(({ beginNs }) => beginNs),
    [100, 200],
  );
  assert.deepEqual(ledger.between(3, 0, 1000), []);
});

test('at the bound the oldest leave', () => {
  const ledger = new WaitLedger({ waitsMax: 8 });
  for (let at = 0; at < 9; at++) ledger.push(wait(1, at * 100));
  assert.deepEqual(
    ledger.between(1, 0, 10_000).map(({ beginNs }) => beginNs / 100),
    [3, 4, 5, 6, 7, 8],
  );
});
