import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { loadObject } from '../load/load-object.ts';
import type { LoadedObject } from '../load/loaded-object.ts';
import { verifyObject } from '../signing/signature.ts';
import { requireKernel } from '../testing/requirements.ts';

const bytes = readFileSync(new URL('../../fixtures/hooks.bpf.o', import.meta.url));

function load(t: TestContext): LoadedObject | undefined {
  if (!requireKernel(t)) return undefined;
  return loadObject(verifyObject(bytes, { allowsUnsigned: true }), {
    only: ['on_uprobe'],
    mapEntriesMax: { cookies: 5_000 },
  });
}

function value(number: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(number).buffer);
}

test('an entry is made, changed, read and removed', (t) => {
  using loaded = load(t);
  if (loaded === undefined) return;
  const map = loaded.map('cookies');
  assert.equal(map.lookup(1n), undefined);
  assert.equal(map.update(1n, value(5n), 'replace'), false);
  assert.equal(map.update(1n, value(5n), 'create'), true);
  assert.equal(map.update(1n, value(6n), 'create'), false);
  assert.deepEqual(map.lookup(1n), value(5n));
  assert.equal(map.update(1n, value(7n)), true);
  assert.deepEqual(map.lookup(value(1n)), value(7n));
  assert.equal(map.delete(1n), true);
  assert.equal(map.delete(1n), false);
});

test('all entries are read one by one and in batches, and taken in batches', (t) => {
  using loaded = load(t);
  if (loaded === undefined) return;
  const map = loaded.map('cookies');
  const count = 3_000n;
  for (let key = 0n; key < count; key += 1n) map.update(key, value(key * 2n));
  const oneByOne = new Map(
    [...map.entries()].map(([key, found]) => [
      Buffer.from(key).readBigUInt64LE(),
      Buffer.from(found).readBigUInt64LE(),
    ]),
  );
  assert.equal(oneByOne.size, Number(count));
  assert.ok([...oneByOne].every(([key, found]) => found === key * 2n));
  const sum = (batches: ReturnType<typeof map.batches>): bigint => {
    let total = 0n;
    for (const batch of batches) {
      const values = new BigUint64Array(batch.values.buffer, 0, batch.count);
      for (const found of values) total += found;
    }
    return total;
  };
  assert.equal(sum(map.batches(500)), count * (count - 1n));
  assert.equal(sum(map.takeBatches(500)), count * (count - 1n));
  assert.deepEqual([...map.keys()], []);
});

test('a per-CPU map has a value for each processor, and batches of them', (t) => {
  using loaded = load(t);
  if (loaded === undefined) return;
  const map = loaded.map('hits');
  assert.equal(map.isPerCpu, true);
  assert.equal(map.valueStride, 8 * map.cpuCount);
  const values = new BigUint64Array(map.cpuCount).map((_, cpu) => BigInt(cpu + 1));
  map.update(3, new Uint8Array(values.buffer));
  const perCpu = map.lookupPerCpu(3) ?? [];
  assert.deepEqual(
    perCpu.map((one) => Buffer.from(one).readBigUInt64LE()),
    [...values],
  );
  const batches = [...map.batches()];
  assert.deepEqual(
    batches.map(({ count }) => count),
    [8],
  );
  assert.equal(batches[0]?.values.byteLength, 8 * map.valueStride);
});

test('keys and values of the wrong size are refused before the kernel reads past them', (t) => {
  using loaded = load(t);
  if (loaded === undefined) return;
  const map = loaded.map('cookies');
  assert.throws(() => map.lookup(1), { code: 'BPF_MAP_FAILED', message: /8 bytes/ });
  assert.throws(() => map.lookup(new Uint8Array(4)), { code: 'BPF_MAP_FAILED' });
  assert.throws(() => map.update(1n, new Uint8Array(4)), {
    code: 'BPF_MAP_FAILED',
    message: /8 bytes, not 4/,
  });
  assert.throws(() => map.lookupInto(1n, new Uint8Array(16)), { code: 'BPF_MAP_FAILED' });
});

test('a map is told full by name', (t) => {
  if (!requireKernel(t)) return;
  using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }), {
    only: ['on_uprobe'],
    mapEntriesMax: { cookies: 2 },
  });
  const map = loaded.map('cookies');
  map.update(1n, value(1n));
  map.update(2n, value(1n));
  assert.throws(() => map.update(3n, value(1n)), {
    code: 'BPF_MAP_FAILED',
    message: /cookies.*E2BIG/,
  });
});

test('maps that no chosen program uses are not made', (t) => {
  using loaded = load(t);
  if (loaded === undefined) return;
  assert.throws(() => loaded.map('nobody_uses'), { code: 'BPF_MAP_UNKNOWN' });
  assert.throws(() => loaded.map('no_such_map'), { code: 'BPF_MAP_UNKNOWN' });
});

test('a map is not used after its object was closed', (t) => {
  const loaded = load(t);
  if (loaded === undefined) return;
  const map = loaded.map('cookies');
  loaded[Symbol.dispose]();
  assert.throws(() => map.lookup(1n), { code: 'BPF_CLOSED' });
  assert.throws(() => loaded.map('cookies'), { code: 'BPF_CLOSED' });
});
