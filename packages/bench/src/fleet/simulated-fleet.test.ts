import assert from 'node:assert/strict';
import test from 'node:test';
import { BenchError } from '../errors.ts';
import { BlockCache } from './block-cache.ts';
import { comparedPolicies, ours } from './compared-policies.ts';
import { parseLine, type TraceRequest } from './prefix-trace.ts';
import { leastTtftMs, simulateFleet } from './simulated-fleet.ts';

const shape = {
  replicaCount: 2,
  blocksMax: 8,
  prefillTokensPerSecond: 512,
  decodeMsPerToken: 1,
};

function request(atMs: number, blocks: readonly number[]): TraceRequest {
  return { atMs, promptTokens: blocks.length * 512, outputTokens: 1, blocks };
}

function outcome(name: string, trace: readonly TraceRequest[]): ReturnType<typeof simulateFleet> {
  const policy = comparedPolicies[name];
  assert.ok(policy !== undefined);
  return simulateFleet(trace, shape, { policy, seed: 1, timeScale: 1 });
}

test('a replica computes one prompt after the other, and no block that it has', () => {
  // By turns: the first and the third go to one replica, the second to the other.
  const trace = [request(0, [1, 2]), request(0, [3]), request(500, [1, 2, 4])];
  const found = outcome('round robin', trace);
  const { ttftMs, prefillMs, hitRate, tokensComputed, requestSkew } = found;
  assert.deepEqual(ttftMs, [1_000, 2_000, 2_500]);
  assert.deepEqual(prefillMs, [2_000, 1_000, 1_000]);
  assert.equal(hitRate, 2 / 6);
  assert.equal(tokensComputed, 4 * 512);
  assert.equal(requestSkew, 2 / 1.5);
});

test('a cache keeps what was used last, and of a prompt its start', () => {
  const cache = new BlockCache(4);
  assert.equal(cache.use([1, 2, 3]), 0);
  assert.equal(cache.use([1, 2, 3]), 3);
  assert.equal(cache.use([7, 8]), 0);
  assert.equal(cache.use([1, 2, 3]), 2);
  assert.equal(cache.use([9, 8]), 0);
});

test('prompts that share a prefix come together at one replica, unlike by load', () => {
  const trace = Array.from({ length: 40 }, (_, at) =>
    request(at * 10_000, [at % 2, 100 + (at % 2), 1_000 + at]),
  );
  const mine = outcome(ours, trace);
  assert.equal(mine.hitRate, 76 / 120);
  assert.ok(outcome('power of two', trace).hitRate < mine.hitRate);
});

test('nothing is faster than replicas that share everything and that nobody waits for', () => {
  const trace = [request(0, [1, 2]), request(0, [1, 3]), request(500, [1, 2, 4])];
  const least = leastTtftMs(trace, shape);
  assert.deepEqual(least, [2_000, 1_000, 1_000]);
  const { prefillMs } = outcome(ours, trace);
  assert.ok(prefillMs.reduce((sum, ms) => sum + ms) >= least.reduce((sum, ms) => sum + ms));
});

test('a line that is no request is refused with its number', () => {
  const line = '{"timestamp": 3, "input_length": 5, "output_length": 2, "hash_ids": [0, 4]}';
  assert.deepEqual(parseLine(line, 1), {
    atMs: 3,
    promptTokens: 5,
    outputTokens: 2,
    blocks: [0, 4],
  });
  for (const broken of ['{}', line.replace('[0, 4]', '["0"]'), line.replace('5', 'null')]) {
    assert.throws(
      () => parseLine(broken, 7),
      (thrown) => thrown instanceof BenchError && thrown.message.includes('line 7'),
    );
  }
});
