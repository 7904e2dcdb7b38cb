import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import { loadObject } from '../load/load-object.ts';
import { verifyObject } from '../signing/signature.ts';
import { requireKernel } from '../testing/requirements.ts';

const bytes = readFileSync(new URL('../../fixtures/hooks.bpf.o', import.meta.url));

type Step =
  | { readonly kind: 'any' | 'create' | 'replace'; readonly key: bigint; readonly value: bigint }
  | { readonly kind: 'delete' | 'lookup'; readonly key: bigint }
  | { readonly kind: 'entries' | 'batches' | 'take' };

const key = fc.bigInt({ min: 0n, max: 40n });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('any' as const, 'create' as const, 'replace' as const),
      key,
      value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('delete' as const, 'lookup' as const), key }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('entries' as const, 'batches' as const, 'take' as const),
    }),
  },
);

function encode(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}

function decode(value: Uint8Array): bigint {
  return Buffer.from(value).readBigUInt64LE();
}

test('a hash in the kernel holds what a Map holds, whatever is done to both', (t) => {
  if (!requireKernel(t)) return;
  using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }), { only: ['on_uprobe'] });
  const map = loaded.map('cookies');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const model = new Map<bigint, bigint>();
      const all = (): Map<bigint, bigint> =>
        new Map([...map.entries()].map(([found, value]) => [decode(found), decode(value)]));
      const batched = (batches: ReturnType<typeof map.batches>): Map<bigint, bigint> => {
        const found = new Map<bigint, bigint>();
        for (const { count, keys, values } of batches) {
          for (let at = 0; at < count * 8; at += 8) {
            found.set(decode(keys.subarray(at)), decode(values.subarray(at)));
          }
        }
        return found;
      };
      for (const current of steps) {
        switch (current.kind) {
          case 'lookup': {
            const found = map.lookup(current.key);
            assert.equal(found === undefined ? undefined : decode(found), model.get(current.key));
            break;
          }
          case 'delete':
            assert.equal(map.delete(current.key), model.delete(current.key));
            break;
          case 'entries':
            assert.deepEqual(all(), model);
            break;
          case 'batches':
            assert.deepEqual(batched(map.batches(64)), model);
            break;
          case 'take':
            assert.deepEqual(batched(map.takeBatches(64)), model);
            model.clear();
            break;
          case 'any':
          case 'create':
          case 'replace': {
            const isAllowed =
              current.kind === 'any' || model.has(current.key) === (current.kind === 'replace');
            assert.equal(map.update(current.key, encode(current.value), current.kind), isAllowed);
            if (isAllowed) model.set(current.key, current.value);
            break;
          }
        }
      }
      assert.deepEqual(batched(map.takeBatches(64)), model);
    }),
    { numRuns: 60 },
  );
});
