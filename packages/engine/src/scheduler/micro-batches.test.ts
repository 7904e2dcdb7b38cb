import assert from 'node:assert/strict';
import test from 'node:test';
import { cutIntoMicroBatches } from './micro-batches.ts';

const streams = { layout: 'streams', microBatchTokensMax: 512, cellsUsed: 0 } as const;

test('decodes of neighbouring slots share one graph', () => {
  const entries = [0, 1, 2].map((slot) => ({ slot, fromPosition: 10, tokenCount: 1 }));
  assert.deepEqual(cutIntoMicroBatches(entries, streams), [{ tokens: 3, outputs: 3, width: 256 }]);
});

test('a gap between slots costs a graph', () => {
  const entries = [0, 1, 3].map((slot) => ({ slot, fromPosition: 10, tokenCount: 1 }));
  assert.deepEqual(
    cutIntoMicroBatches(entries, streams).map((cut) => cut.tokens),
    [2, 1],
  );
});

test('a chunk beside decodes gives one token to their graph and the rest to its own', () => {
  const decodes = Array.from({ length: 14 }, (_, slot) => ({
    slot,
    fromPosition: 300,
    tokenCount: 1,
  }));
  const entries = [...decodes, { slot: 14, fromPosition: 0, tokenCount: 120 }];
  assert.deepEqual(cutIntoMicroBatches(entries, streams), [
    { tokens: 15, outputs: 14, width: 512 },
    { tokens: 119, outputs: 1, width: 256 },
  ]);
});

test('a graph takes no more tokens than it may', () => {
  const cuts = cutIntoMicroBatches([{ slot: 0, fromPosition: 0, tokenCount: 1100 }], streams);
  assert.deepEqual(
    cuts.map((cut) => [cut.tokens, cut.outputs, cut.width]),
    [
      [512, 0, 512],
      [512, 0, 1024],
      [76, 1, 1280],
    ],
  );
});

test('in one buffer tokens are taken in order, and attend over all cells in use', () => {
  const entries = [
    { slot: 3, fromPosition: 0, tokenCount: 300 },
    { slot: 7, fromPosition: 5, tokenCount: 400 },
  ];
  const unified = { layout: 'unified', microBatchTokensMax: 512, cellsUsed: 1000 } as const;
  assert.deepEqual(cutIntoMicroBatches(entries, unified), [
    { tokens: 512, outputs: 1, width: 1536 },
    { tokens: 188, outputs: 1, width: 1792 },
  ]);
});
