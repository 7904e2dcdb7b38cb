import assert from 'node:assert/strict';
import test from 'node:test';
import { engineKinds, loadMetricNames } from './engine-kind.ts';
import { readLoad } from './read-load.ts';

test('reads every signal that an engine tells, whatever its version calls it', () => {
  for (const kind of engineKinds) {
    const names = loadMetricNames[kind];
    if (names === undefined) continue;
    const oldest = [names.running, names.waiting, names.kvUsage, names.waitingTokens].map((known) =>
      known.at(-1),
    );
    const text = oldest
      .map((name, index) => `${name ?? 'other'}{model="m"} ${index + 1}\n`)
      .join('');
    const reading = readLoad(kind, text);
    assert.deepEqual(reading?.missing, [], kind);
    assert.equal(reading?.load.running, 1, kind);
    assert.equal(reading?.load.waiting, 2, kind);
  }
});

test('an expected metric that has gone is missing, and its signal unknown', () => {
  const reading = readLoad('vllm', 'vllm:num_requests_waiting{model_name="m"} 4\n');
  assert.deepEqual(reading?.missing, ['vllm:num_requests_running', 'vllm:kv_cache_usage_perc']);
  assert.equal(reading?.load.running, undefined);
  assert.equal(reading?.load.waiting, 4);
});

test('adds requests over ranks and takes the fullest cache', () => {
  const text = [0, 1]
    .flatMap((rank) => [
      `vllm:num_requests_running{engine="${rank}"} ${rank + 2}`,
      `vllm:num_requests_waiting{engine="${rank}"} 0`,
      `vllm:kv_cache_usage_perc{engine="${rank}"} ${0.7 - rank / 2}`,
    ])
    .join('\n');
  assert.deepEqual(readLoad('vllm', text)?.load, {
    running: 5,
    waiting: 0,
    kvUsage: 0.7,
    waitingTokens: undefined,
  });
});

test('an engine without metrics has no reading', () => {
  assert.equal(readLoad('ollama', 'anything 1'), undefined);
});
