import assert from 'node:assert/strict';
import test from 'node:test';
import { seededPrng, VirtualClock } from '@millrace/stdx';
import fc from 'fast-check';
import { EngineBlocks } from './engine-blocks.ts';
import { PrefixLedger } from './prefix-ledger.ts';
import { tokenChain } from './token-chain.ts';

const blockSize = 4;
const media = { medium: 'GPU', salt: 7 };

function makeLedger(): PrefixLedger {
  const ledger = PrefixLedger.create(new VirtualClock(), { endpointsMax: 2, ledgerBytes: 2 ** 18 });
  return ledger;
}

function matched(ledger: PrefixLedger, tokens: readonly number[]): number {
  const found = new Int32Array(2);
  ledger.match(tokenChain(Int32Array.from(tokens), blockSize, media.salt), found);
  return found[1] as number;
}

test('the ledger holds exactly what a cache holds that tells of every block', () => {
  // A cache of prompts over few tokens: many share beginnings; evictions take leaves.
  const prompt = fc.array(fc.constantFrom(1, 2), { minLength: 1, maxLength: 5 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('store' as const), prompt }),
    fc.record({ kind: fc.constant('evict' as const), pick: fc.nat(1_000) }),
    fc.record({ kind: fc.constant('clear' as const) }),
  );
  const cases = fc.property(fc.array(step, { maxLength: 60 }), fc.array(prompt), (steps, asked) => {
    const ledger = makeLedger();
    const blocks = new EngineBlocks(ledger, 1, 10_000);
    const cache = new Map<string, readonly number[]>();
    for (const one of steps) {
      if (one.kind === 'clear') {
        cache.clear();
        blocks.clear();
      } else if (one.kind === 'evict') {
        const leaves = [...cache.keys()].filter(
          (name) => ![...cache.keys()].some((other) => other !== name && other.startsWith(name)),
        );
        const leaf = leaves[one.pick % Math.max(1, leaves.length)];
        if (leaf === undefined) continue;
        cache.delete(leaf);
        blocks.remove([leaf], 'GPU');
      } else {
        // Like vLLM: one event for the blocks that are new, after the one that is known.
        const names = one.prompt.map((_, at) => one.prompt.slice(0, at + 1).join(''));
        const firstNew = names.findIndex((name) => !cache.has(name));
        if (firstNew === -1) continue;
        const fresh = names.slice(firstNew);
        const tokens = one.prompt.slice(firstNew).flatMap((part) => [part, part, part, part]);
        blocks.store({
          ...media,
          blocks: fresh,
          parent: firstNew === 0 ? undefined : names[firstNew - 1],
          tokenIds: Int32Array.from(tokens),
          blockSize,
        });
        for (const name of fresh) cache.set(name, one.prompt);
      }
    }
    for (const parts of asked) {
      const names = parts.map((_, at) => parts.slice(0, at + 1).join(''));
      const missing = names.findIndex((name) => !cache.has(name));
      const expected = missing === -1 ? names.length : missing;
      assert.equal(
        matched(
          ledger,
          parts.flatMap((part) => [part, part, part, part]),
        ),
        expected,
      );
    }
    assert.equal(blocks.counts.held, cache.size);
  });
  fc.assert(cases, { numRuns: 60 });
});

test('a block is held as long as any medium holds it', () => {
  const ledger = makeLedger();
  const blocks = new EngineBlocks(ledger, 1, 100);
  const stored = {
    ...media,
    blocks: [5n],
    parent: undefined,
    tokenIds: Int32Array.of(1, 2, 3, 4),
    blockSize,
  };
  blocks.store(stored);
  blocks.store({ ...stored, medium: 'CPU' });
  blocks.remove([5n], 'GPU');
  assert.equal(matched(ledger, [1, 2, 3, 4]), 1);
  blocks.remove([5n], 'CPU');
  assert.equal(matched(ledger, [1, 2, 3, 4]), 0);
});

test('blocks after one that is not known cannot be placed, and are counted', () => {
  const ledger = makeLedger();
  const blocks = new EngineBlocks(ledger, 1, 2);
  const tokens = Int32Array.from({ length: 12 }, () => seededPrng(1).below(9));
  blocks.store({ ...media, blocks: [2, 3], parent: 1, tokenIds: tokens.subarray(0, 8), blockSize });
  assert.deepEqual(blocks.counts, { held: 0, orphans: 2, refused: 0 });
  blocks.store({ ...media, blocks: [1, 2, 3], parent: undefined, tokenIds: tokens, blockSize });
  assert.deepEqual(blocks.counts, { held: 2, orphans: 2, refused: 1 });
});
