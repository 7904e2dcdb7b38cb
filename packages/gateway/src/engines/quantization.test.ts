import assert from 'node:assert/strict';
import test from 'node:test';
import { qualityTierOf, quantizationInName } from './quantization.ts';

test('fewer bits are of a lower tier, whatever each engine calls them', () => {
  const names = [
    'BF16',
    'fp8',
    'Q8_0',
    'Q6_K',
    'Q5_K_M',
    'awq',
    'gptq_marlin',
    'Q4_K_M',
    'IQ3_XS',
    'Q2_K',
  ];
  assert.deepEqual(names.map(qualityTierOf), [100, 90, 90, 80, 70, 60, 60, 60, 40, 20]);
  assert.equal(qualityTierOf(undefined), 100);
  assert.equal(qualityTierOf('something new'), 100);
});

test('a name tells how a model is quantised, where it does', () => {
  assert.equal(quantizationInName('Qwen/Qwen3-32B-AWQ'), 'AWQ');
  assert.equal(quantizationInName('SmolLM2-135M-Instruct.Q4_K_M.gguf'), 'Q4_K_M');
  assert.equal(quantizationInName('meta-llama/Llama-3.1-8B-Instruct-FP8'), 'FP8');
  assert.equal(quantizationInName('qwen3:8b'), undefined);
  assert.equal(quantizationInName('gpt-4o'), undefined);
});
