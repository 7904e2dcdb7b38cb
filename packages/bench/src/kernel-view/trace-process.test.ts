import assert from 'node:assert/strict';
import test from 'node:test';
import { readTraceAccount } from './trace-process.ts';

test('the account of a trace is summed over its probes', () => {
  const said =
    'watching node (7) on 9000\n' +
    '12 requests; tcp-health: 30 events attempted = 29 delivered + 1 dropped + 0 discarded; ' +
    'sockets: 50 events attempted = 48 delivered + 0 dropped + 2 discarded\n';
  assert.deepEqual(readTraceAccount(said), { requests: 12, delivered: 77, dropped: 1 });
  assert.equal(readTraceAccount('watching node (7) on 9000\n'), undefined);
});
