import assert from 'node:assert/strict';
import test from 'node:test';
import { exchangeIn, recordingOf } from '../testing/recorded-engine.ts';
import { readCacheTokens } from './cache-size.ts';

test('vLLM tells blocks and their size as labels, as recorded', () => {
  const { text } = exchangeIn(recordingOf('vllm'), '/metrics');
  assert.equal(readCacheTokens('vllm', text), 18 * 32);
});

test('ranks have a cache each', () => {
  const rank = (at: number): string =>
    `vllm:cache_config_info{engine="${at}",num_gpu_blocks="100",block_size="16"} 1.0`;
  assert.equal(readCacheTokens('vllm', `${rank(0)}\n${rank(1)}\n`), 3_200);
});

test('other engines tell it in their own ways', () => {
  const told = [
    ['sglang', 'sglang:cache_config_info{num_pages="10",page_size="64"} 1'],
    ['millrace', 'millrace_engine_cache_tokens_max{model_name="m"} 640'],
    ['tensorrt-llm', 'trtllm_kv_cache_tokens_per_block 32\ntrtllm_kv_cache_max_blocks 20'],
  ] as const;
  for (const [kind, text] of told) assert.equal(readCacheTokens(kind, text), 640, kind);
});

test('what is not told, or makes no sense, is not known', () => {
  const nonsense = [
    ['vllm', 'vllm:cache_config_info{num_gpu_blocks="None",block_size="16"} 1'],
    ['vllm', 'vllm:num_requests_running 1'],
    ['tensorrt-llm', 'trtllm_kv_cache_max_blocks 20'],
    ['ollama', 'anything 1'],
  ] as const;
  for (const [kind, text] of nonsense) assert.equal(readCacheTokens(kind, text), undefined, text);
});
