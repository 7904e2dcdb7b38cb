import assert from 'node:assert/strict';
import test from 'node:test';
import { seededPrng, VirtualClock } from '@millrace/stdx';
import { GatewayError } from '../errors.ts';
import { circuitDefaults, type CircuitBounds } from './circuit-bounds.ts';
import { CircuitTable, type TryOutcome } from './circuit-table.ts';

const bounds: CircuitBounds = {
  ...circuitDefaults,
  failuresInARowMax: 3,
  requestsMin: 10,
  openMs: 1_000,
  openMsMax: 3_000,
  tryMsMax: 500,
};

function make(used = 4): { readonly table: CircuitTable; readonly clock: VirtualClock } {
  const clock = new VirtualClock();
  clock.advance(10_000);
  const parts = { clock, bounds, prng: { next: () => 0.5, below: () => 0 } };
  const table = CircuitTable.create(parts, { endpointsMax: 8, memory: 'private' });
  for (let endpoint = 0; endpoint < used; endpoint++) send(table, endpoint, 'unknown');
  return { table, clock };
}

function send(table: CircuitTable, endpoint: number, outcome: TryOutcome): boolean {
  const leave = table.begin(endpoint);
  if (leave === 'refused') return false;
  table.end(endpoint, leave, outcome);
  return true;
}

test('opens after failures in a row, and only those', () => {
  const { table } = make();
  for (const outcome of ['failure', 'failure', 'success', 'failure', 'failure'] as const)
    assert.ok(send(table, 0, outcome));
  assert.equal(table.circuit(0), 'closed');
  send(table, 0, 'unknown');
  send(table, 0, 'failure');
  assert.equal(table.circuit(0), 'open');
  assert.equal(send(table, 0, 'success'), false);
  assert.equal(table.circuit(1), 'closed', 'each endpoint for itself');
});

test('opens when half of the requests of a window fail, however they are mixed', () => {
  const { table, clock } = make();
  for (let count = 0; count < 9; count++) send(table, 0, count % 2 === 0 ? 'failure' : 'success');
  assert.equal(table.circuit(0), 'closed', 'too few to judge by');
  send(table, 0, 'failure');
  assert.equal(table.circuit(0), 'open');
  for (let count = 0; count < 40; count++) {
    send(table, 1, count % 2 === 0 ? 'failure' : 'success');
    clock.advance(2_000);
  }
  assert.equal(table.circuit(1), 'closed', 'in no window were there enough');
});

test('is tried by one request at a time, closes after two that succeed, and rests longer after one that fails', () => {
  const { table, clock } = make();
  for (let count = 0; count < 3; count++) send(table, 0, 'failure');
  const rests: number[] = [];
  for (let time = 0; time < 4; time++) {
    rests.push(table.waitMs(0));
    clock.advance(table.waitMs(0));
    assert.equal(table.begin(0), 'try');
    assert.equal(table.begin(0), 'refused', 'one at a time');
    table.end(0, 'try', 'failure');
    assert.equal(table.circuit(0), 'open');
  }
  assert.deepEqual(rests, [1_000, 2_000, 3_000, 3_000]);
  clock.advance(3_000);
  assert.ok(send(table, 0, 'success'));
  assert.equal(table.circuit(0), 'half-open');
  assert.ok(send(table, 0, 'success'));
  assert.equal(table.circuit(0), 'closed');
});

test('a try that never ends does not keep others from trying for ever', () => {
  const { table, clock } = make();
  for (let count = 0; count < 3; count++) send(table, 0, 'failure');
  clock.advance(1_000);
  assert.equal(table.begin(0), 'try');
  clock.advance(499);
  assert.equal(table.mayTry(0), false);
  clock.advance(2);
  assert.equal(table.begin(0), 'try');
  table.end(0, 'try', 'unknown');
  assert.equal(table.begin(0), 'try', 'a client that left shows nothing and gives its leave back');
});

test('never more than half of all endpoints are out, but one always may be', () => {
  const { table } = make(4);
  for (let endpoint = 0; endpoint < 4; endpoint++)
    for (let count = 0; count < 30; count++) send(table, endpoint, 'failure');
  assert.deepEqual(
    [0, 1, 2, 3].map((endpoint) => table.circuit(endpoint)),
    ['open', 'open', 'closed', 'closed'],
  );
  table.release(0);
  assert.equal(table.trip(3), false, 'one of three is half, rounded down');
  const alone = make(1).table;
  assert.equal(alone.trip(0), true);
});

test('circuits that open together are tried at different times', () => {
  const clock = new VirtualClock();
  const parts = { clock, bounds, prng: seededPrng(3) };
  const table = CircuitTable.create(parts, { endpointsMax: 8, memory: 'shared' });
  for (let endpoint = 0; endpoint < 8; endpoint++) send(table, endpoint, 'success');
  for (let endpoint = 0; endpoint < 4; endpoint++) table.trip(endpoint);
  const waits = [0, 1, 2, 3].map((endpoint) => table.waitMs(endpoint));
  assert.equal(new Set(waits).size, 4);
  assert.ok(waits.every((waitMs) => waitMs >= 800 && waitMs <= 1_200));
  const other = CircuitTable.open(table.buffer as SharedArrayBuffer, parts);
  assert.equal(other.circuit(2), 'open', 'another thread sees the same');
  assert.throws(() => CircuitTable.open(new SharedArrayBuffer(64), parts), GatewayError);
});
