import assert from 'node:assert/strict';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { VirtualClock } from '@millrace/stdx';
import { RoutingError } from '../errors.ts';
import { chainOf } from '../testing/chains.ts';
import { PrefixLedger } from './prefix-ledger.ts';

function build(options: { capacityBlocks?: number } = {}): {
  clock: VirtualClock;
  ledger: PrefixLedger;
  matched: () => readonly number[];
} {
  const clock = new VirtualClock();
  clock.advance(1_000_000);
  const ledger = PrefixLedger.create(clock, { endpointsMax: 4, ledgerBytes: 2 ** 20, ...options });
  const matchedBlocks = new Int32Array(4);
  const matched = (): readonly number[] => {
    ledger.match(chain, matchedBlocks);
    return [...matchedBlocks];
  };
  return { clock, ledger, matched };
}

const chain = chainOf([1, 2, 3, 4]);

test('a dispatch counts for a short time, a confirmed prompt for long', () => {
  const { clock, ledger, matched } = build();
  ledger.speculate(chain, 0);
  ledger.speculate(chain, 1);
  assert.deepEqual(matched(), [4, 4, 0, 0]);
  ledger.confirm(chain, 1, 0);
  clock.advance(40_000);
  assert.deepEqual(matched(), [0, 4, 0, 0]);
});

test('a dispatch that follows does not shorten what was confirmed', () => {
  const { clock, ledger, matched } = build();
  ledger.confirm(chain, 2, 0);
  ledger.speculate(chain, 2);
  clock.advance(40_000);
  assert.deepEqual(matched(), [0, 0, 4, 0]);
});

test('a match ends at the first block that the endpoint does not hold', () => {
  const { ledger, matched } = build();
  ledger.confirm(chain, 0, 0);
  ledger.confirm(chainOf([1, 2, 9]), 1, 0);
  ledger.confirm(chain, 3, 0);
  ledger.remove(chain, 3, 1);
  assert.deepEqual(matched(), [4, 2, 0, 1]);
});

test('blocks are forgotten once an endpoint has inserted more than it has room for', () => {
  const { ledger, matched } = build({ capacityBlocks: 1_000 });
  ledger.confirm(chain, 0, 0);
  for (let at = 0; at < 100; at++) {
    ledger.confirm(chainOf(Array.from({ length: 8 }, (_, k) => 1_000 + at * 8 + k)), 0, 0);
  }
  assert.deepEqual(matched(), [4, 0, 0, 0]);
  for (let at = 0; at < 100; at++) {
    ledger.confirm(chainOf(Array.from({ length: 8 }, (_, k) => 9_000 + at * 8 + k)), 0, 0);
  }
  assert.deepEqual(matched(), [0, 0, 0, 0]);
});

test('an endpoint that is forgotten holds nothing, dispatches included, and may hold again', () => {
  const { clock, ledger, matched } = build();
  ledger.confirm(chain, 0, 0);
  ledger.speculate(chain, 1);
  ledger.forgetEndpoint(0);
  ledger.forgetEndpoint(1);
  assert.deepEqual(matched(), [0, 0, 0, 0]);
  clock.advance(100);
  ledger.speculate(chain, 1);
  ledger.confirm(chain, 0, 0);
  assert.deepEqual(matched(), [4, 4, 0, 0]);
});

test('what is used again brings what is not nearer to its end', () => {
  const { ledger, matched } = build({ capacityBlocks: 1_000 });
  const some = Array.from({ length: 600 }, (_, at) => chainOf([1_000 + at]));
  for (const one of some) ledger.confirm(one, 0, 0);
  ledger.confirm(chain, 0, 0);
  for (const one of some) ledger.confirm(one, 0, 1);
  assert.deepEqual(matched(), [4, 0, 0, 0]);
  // 450 more would leave it, were only what is inserted counted.
  for (let at = 0; at < 450; at++) ledger.confirm(chainOf([9_000 + at]), 0, 0);
  assert.deepEqual(matched(), [0, 0, 0, 0]);
});

test('a new capacity forgets, and counts from then on', () => {
  const { ledger, matched } = build();
  ledger.confirm(chain, 0, 0);
  ledger.setCapacity(0, 256);
  assert.deepEqual(matched(), [0, 0, 0, 0]);
  ledger.confirm(chain, 0, 0);
  assert.deepEqual(matched(), [4, 0, 0, 0]);
  for (let at = 0; at < 300; at++) ledger.confirm(chainOf([500 + at]), 0, 0);
  assert.deepEqual(matched(), [0, 0, 0, 0]);
});

test('what is used outlives what is not, when the ledger is full', () => {
  const clock = new VirtualClock();
  const ledger = PrefixLedger.create(clock, { endpointsMax: 1, ledgerBytes: 65_536 });
  const matchedBlocks = new Int32Array(1);
  const { entryCount } = ledger.counts();
  ledger.confirm(chain, 0, 0);
  ledger.confirm(chainOf([7]), 0, 0);
  for (let at = 0; at < 20 * entryCount; at++) {
    ledger.confirm(chainOf([1_000 + at]), 0, 0);
    // Oftener than a bucket turns round.
    if (at % (entryCount / 16) === 0) ledger.noteUsed(chain);
  }
  assert.ok(ledger.counts().evicted > 10 * entryCount);
  assert.equal(ledger.match(chain, matchedBlocks), 4);
  assert.equal(ledger.match(chainOf([7]), matchedBlocks), 0);
});

test('a million distinct prefixes leave memory as it was', () => {
  const ledger = PrefixLedger.create(new VirtualClock(), { endpointsMax: 8, ledgerBytes: 2 ** 20 });
  const words = new Uint32Array(2);
  const bytes = ledger.buffer.byteLength;
  const prefix = { words, first: 0, blockCount: 1 };
  const insert = (from: number, until: number): void => {
    for (let at = from; at < until; at++) {
      words[0] = Math.imul(at, 0x9e3779b1);
      words[1] = at;
      ledger.confirm(prefix, at % 8, 0);
    }
  };
  insert(0, 100_000);
  const before = process.memoryUsage();
  insert(100_000, 1_000_000);
  const after = process.memoryUsage();
  const { entryCount, inserted, evicted } = ledger.counts();
  assert.equal(ledger.buffer.byteLength, bytes);
  assert.ok(bytes <= 2 ** 20);
  assert.equal(inserted, 1_000_000);
  assert.equal(inserted - evicted, entryCount);
  assert.equal(after.arrayBuffers, before.arrayBuffers);
  assert.ok(after.heapUsed - before.heapUsed < 16 * 2 ** 20, 'nothing is kept on the heap');
});

test('memory that no ledger made is refused', () => {
  assert.throws(
    () => PrefixLedger.open(new SharedArrayBuffer(4_096), new VirtualClock()),
    RoutingError,
  );
});

test('threads that write at once lose no more than hits', async () => {
  const clock = new VirtualClock();
  const ledger = PrefixLedger.create(clock, { endpointsMax: 4, ledgerBytes: 65_536 });
  const rounds = 3_000;
  const write = `
    import { workerData } from 'node:worker_threads';
    const { PrefixLedger } = await import(workerData.ledgerUrl);
    const { chainOf } = await import(workerData.chainsUrl);
    const clock = { nowMs: () => 0, unixMs: () => 0, after: () => undefined };
    const ledger = PrefixLedger.open(workerData.buffer, clock);
    const matched = new Int32Array(4);
    for (let at = 0; at < ${rounds}; at++) {
      const chain = chainOf([at % 7, 100 + at, 5_000 + (at * workerData.endpoint) % 900]);
      ledger.speculate(chain, workerData.endpoint);
      ledger.match(chain, matched);
      ledger.confirm(chain, workerData.endpoint, 0);
      if (at % 50 === 0) ledger.remove(chain, workerData.endpoint, 1);
      if (at % 500 === 0) ledger.forgetEndpoint(workerData.endpoint);
    }`;
  const workers = [1, 2, 3].map(
    (endpoint) =>
      new Worker(new URL(`data:text/javascript,${encodeURIComponent(write)}`), {
        workerData: {
          buffer: ledger.buffer,
          endpoint,
          ledgerUrl: new URL('prefix-ledger.ts', import.meta.url).href,
          chainsUrl: new URL('../testing/chains.ts', import.meta.url).href,
        },
      }),
  );
  await Promise.all(
    workers.map(
      (worker) =>
        new Promise((resolve, reject) => {
          worker.once('error', reject);
          worker.once('exit', resolve);
        }),
    ),
  );
  const matchedBlocks = new Int32Array(4);
  for (let at = 0; at < 7; at++) {
    assert.ok(ledger.match(chainOf([at]), matchedBlocks) <= 1);
    assert.equal(matchedBlocks[0], 0, 'no endpoint holds what none of its writers wrote');
  }
  const { entryCount, inserted, evicted } = ledger.counts();
  assert.ok(inserted - evicted <= entryCount);
  ledger.confirm(chain, 0, 0);
  assert.equal(ledger.match(chain, matchedBlocks), 4);
});
