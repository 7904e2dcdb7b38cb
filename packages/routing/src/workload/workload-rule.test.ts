import assert from 'node:assert/strict';
import test from 'node:test';
import { classifyWorkload, type WorkloadFacts, type WorkloadRule } from './workload-rule.ts';

const facts: WorkloadFacts = {
  promptTokens: 1_000,
  outputTokensMax: 200,
  cachedShare: 0,
  concurrency: 4,
  isLatencyCritical: false,
};

test('the standard table sends each kind of request where it belongs, at its very bounds', () => {
  const cases: readonly (readonly [Partial<WorkloadFacts>, string, string | undefined])[] = [
    [{ isLatencyCritical: true, promptTokens: 9_000 }, 'latency-critical', 'tensorrt-llm'],
    [{ promptTokens: 4_097, concurrency: 16 }, 'long-context', 'vllm'],
    [{ promptTokens: 4_096, concurrency: 16 }, 'general', undefined],
    [{ promptTokens: 4_097, concurrency: 17 }, 'general', undefined],
    [{ promptTokens: 512, concurrency: 17 }, 'short-chat', 'llama.cpp'],
    [{ promptTokens: 512, concurrency: 16 }, 'general', undefined],
    [{ promptTokens: 513, cachedShare: 0.5 }, 'shared-prefix', undefined],
    [{ outputTokensMax: 1_024 }, 'long-output', undefined],
    [{}, 'general', undefined],
  ];
  for (const [given, name, engine] of cases) {
    const rule = classifyWorkload({ ...facts, ...given });
    assert.deepEqual([rule.name, rule.engines[0]], [name, engine], JSON.stringify(given));
  }
});

test('rules of the user replace the table, the first that applies first', () => {
  const rules: readonly WorkloadRule[] = [
    { name: 'huge', when: { promptTokensMin: 2_000 }, engines: ['sglang'] },
    { name: 'rest', when: {}, engines: ['ollama'] },
  ];
  assert.equal(classifyWorkload({ ...facts, promptTokens: 2_000 }, rules).name, 'huge');
  assert.equal(classifyWorkload({ ...facts, isLatencyCritical: true }, rules).name, 'rest');
});
