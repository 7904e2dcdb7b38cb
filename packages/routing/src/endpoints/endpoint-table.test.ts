import assert from 'node:assert/strict';
import test from 'node:test';
import { VirtualClock } from '@millrace/stdx';
import { RoutingError } from '../errors.ts';
import { candidateOf } from '../testing/candidates.ts';
import { candidateAt, fieldOf } from './candidate-field.ts';
import type { EndpointLoad } from './endpoint.ts';
import { EndpointTable } from './endpoint-table.ts';
import { RequestCharge } from './request-charge.ts';

function loadOf(table: EndpointTable, endpoint: number): EndpointLoad {
  const field = fieldOf([candidateOf({ facts: { index: endpoint } })]);
  table.read(field);
  const { facts: _facts, matchedTokens: _matched, ...load } = candidateAt(field, 0);
  return load;
}

const clock = new VirtualClock();
const idle = loadOf(EndpointTable.create({ memory: 'private', clock }), 0);

for (const memory of ['shared', 'private'] as const) {
  test(`a ${memory} table starts healthy and idle, and tells what was written`, () => {
    const table = EndpointTable.create({ endpointsMax: 3, memory, clock });
    assert.deepEqual(loadOf(table, 1), { ...idle, state: 'healthy', circuit: 'closed', trust: 1 });
    table.setState(1, 'draining');
    table.setCircuit(1, 'half-open');
    table.beginPrefill(1, 70);
    table.report(1, 'waitingTokens', 9);
    table.report(1, 'prefillTokensPerSecond', 800);
    assert.deepEqual(loadOf(table, 1), {
      ...idle,
      state: 'draining',
      circuit: 'half-open',
      queuedPrefillTokens: 70,
      waitingTokens: 9,
      prefillTokensPerSecond: 800,
    });
    assert.deepEqual(loadOf(table, 0), idle);
    assert.deepEqual(loadOf(table, 2), idle);
    table.reset(1);
    assert.deepEqual(loadOf(table, 1), idle);
  });
}

test('a request charges its endpoint until it ends, whenever that is', () => {
  const table = EndpointTable.create({ memory: 'private', clock });
  const weight = { promptTokens: 100, uncachedTokens: 40.4 };
  {
    using charge = new RequestCharge(table, 0, weight);
    assert.deepEqual(loadOf(table, 0), { ...idle, concurrency: 1, queuedPrefillTokens: 40 });
    charge.markFirstToken();
    charge.markFirstToken();
    assert.deepEqual(loadOf(table, 0), { ...idle, concurrency: 1, runningTokens: 100 });
  }
  assert.deepEqual(loadOf(table, 0), idle);
  const failed = new RequestCharge(table, 0, weight);
  failed[Symbol.dispose]();
  failed[Symbol.dispose]();
  failed.markFirstToken();
  assert.deepEqual(loadOf(table, 0), idle);
});

test('trust falls with promises that are not kept and rises with those that are', () => {
  const table = EndpointTable.create({ memory: 'private', clock });
  for (let at = 0; at < 30; at++) table.observeCachedTokens(0, { promised: 100, cached: 0 });
  assert.ok(loadOf(table, 0).trust < 0.05);
  for (let at = 0; at < 60; at++) table.observeCachedTokens(0, { promised: 100, cached: 120 });
  assert.ok(loadOf(table, 0).trust > 0.95);
  const { trust } = loadOf(table, 0);
  table.observeCachedTokens(0, { promised: 0, cached: 0 });
  assert.equal(loadOf(table, 0).trust, trust);
});

test('threads see each other through the buffer, and other memory is refused', () => {
  const table = EndpointTable.create({ endpointsMax: 2, memory: 'shared', clock });
  const other = EndpointTable.open(table.buffer as SharedArrayBuffer, clock);
  other.add(1, 'concurrency', 2);
  assert.equal(loadOf(table, 1).concurrency, 2);
  assert.throws(() => EndpointTable.open(new SharedArrayBuffer(512), clock), RoutingError);
});

test('the speed of an endpoint and its progress are told from first tokens', () => {
  const own = new VirtualClock();
  const table = EndpointTable.create({ memory: 'private', clock: own });
  const weight = { promptTokens: 1_000, uncachedTokens: 1_000 };
  own.advance(5_000);
  using first = new RequestCharge(table, 0, weight);
  own.advance(500);
  using second = new RequestCharge(table, 0, weight);
  assert.equal(loadOf(table, 0).prefillingMs, 500);
  assert.equal(loadOf(table, 0).prefillTokensPerSecond, 0);
  own.advance(500);
  first.markFirstToken();
  assert.equal(loadOf(table, 0).prefillTokensPerSecond, 1_000);
  assert.equal(loadOf(table, 0).prefillingMs, 0);
  own.advance(500);
  assert.equal(loadOf(table, 0).prefillingMs, 500);
  second.markFirstToken();
  assert.equal(loadOf(table, 0).prefillTokensPerSecond, 1_345); // 1,950 tokens in 1.45 s: the sums before count by 0.95
  assert.equal(loadOf(table, 0).prefillingMs, 0);
});

test('a request given up before its first token tells nothing about speed', () => {
  const own = new VirtualClock();
  const table = EndpointTable.create({ memory: 'private', clock: own });
  const charge = new RequestCharge(table, 0, { promptTokens: 1_000, uncachedTokens: 1_000 });
  own.advance(10);
  charge[Symbol.dispose]();
  assert.deepEqual(loadOf(table, 0), idle);
});
