import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { systemClock } from '@millrace/stdx';
import { PrefixLedger } from '../prefix-index/prefix-ledger.ts';
import { candidateOf } from '../testing/candidates.ts';
import type { ChargingLane } from '../testing/charging-lane.ts';
import { chainOf } from '../testing/chains.ts';
import { candidateAt, fieldOf } from './candidate-field.ts';
import { EndpointTable } from './endpoint-table.ts';

const endpointsMax = 5;
const lanes = 4;

/** Threads that charge one table and write one ledger at once, until all have ended. */
async function runLanes(
  told: Pick<ChargingLane, 'requests'> & { readonly lost: readonly number[] },
): Promise<{ readonly table: EndpointTable; readonly ledger: PrefixLedger }> {
  const table = EndpointTable.create({
    memory: 'shared',
    clock: systemClock,
    endpointsMax,
    lanesMax: lanes,
  });
  const ledger = PrefixLedger.create(systemClock, { endpointsMax, ledgerBytes: 65_536 });
  const ends = Array.from({ length: lanes }, async (_, lane) => {
    const workerData: ChargingLane = {
      table: table.buffer as SharedArrayBuffer,
      ledger: ledger.buffer,
      lane,
      requests: told.requests,
      isLost: told.lost.includes(lane),
    };
    const module = new URL('../testing/charging-lane.ts', import.meta.url).href;
    const run = `
      import { workerData } from 'node:worker_threads';
      import { chargeAsLane } from ${JSON.stringify(module)};
      chargeAsLane(workerData);`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(run)}`), {
      workerData,
    });
    const [status] = (await once(worker, 'exit')) as [number];
    assert.equal(status, 0);
  });
  await Promise.all(ends);
  return { table, ledger };
}

function chargesOf(table: EndpointTable): readonly object[] {
  return Array.from({ length: endpointsMax }, (_, endpoint) => {
    const field = fieldOf([candidateOf({ facts: { index: endpoint } })]);
    table.read(field);
    const { runningTokens, queuedPrefillTokens, concurrency } = candidateAt(field, 0);
    return { runningTokens, queuedPrefillTokens, concurrency };
  });
}

const nothing = Array.from({ length: endpointsMax }, () => ({
  runningTokens: 0,
  queuedPrefillTokens: 0,
  concurrency: 0,
}));

test('threads that charge one table at once leave nothing behind when all requests have ended', async () => {
  const { table, ledger } = await runLanes({ requests: 20_000, lost: [] });
  assert.deepEqual(chargesOf(table), nothing);
  const { entryCount, inserted, evicted } = ledger.counts();
  assert.ok(inserted - evicted <= entryCount);
  const fresh = chainOf([900_001, 900_002]);
  const matched = new Int32Array(endpointsMax);
  ledger.confirm(fresh, 3, 0);
  assert.equal(ledger.match(fresh, matched), 2, 'what was confirmed last is held');
});

test('what a lane had charged when it ended is taken back, and nothing of the others', async () => {
  const { table } = await runLanes({ requests: 5_000, lost: [1, 2] });
  const charged = chargesOf(table) as { readonly concurrency: number }[];
  assert.equal(
    charged.reduce((sum, { concurrency }) => sum + concurrency, 0),
    32,
    'two lanes ended with 16 requests each on the way',
  );
  table.takeBack(1);
  table.takeBack(2);
  assert.deepEqual(chargesOf(table), nothing);
  table.takeBack(2);
  assert.deepEqual(chargesOf(table), nothing, 'once is enough');
});
