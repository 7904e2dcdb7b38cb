import type { EngineKind } from './engine-kind.ts';
import { readSamples, type Sample } from './prometheus-text.ts';

/** Where an engine says how many tokens its KV cache has room for: one metric, two to be multiplied, or two labels of one. */
type CacheMetrics =
  | { readonly tokens: string }
  | { readonly blocks: string; readonly tokensPerBlock: string }
  | { readonly info: string; readonly blocksLabel: string; readonly tokensLabel: string };

/** By the engines' own documents, but for ours. An engine that tells none of it keeps what it has, as far as anybody knows. */
const cacheMetrics: Readonly<Partial<Record<EngineKind, CacheMetrics>>> = {
  millrace: { tokens: 'millrace_engine_cache_tokens_max' },
  vllm: {
    info: 'vllm:cache_config_info',
    blocksLabel: 'num_gpu_blocks',
    tokensLabel: 'block_size',
  },
  sglang: {
    info: 'sglang:cache_config_info',
    blocksLabel: 'num_pages',
    tokensLabel: 'page_size',
  },
  'tensorrt-llm': {
    blocks: 'trtllm_kv_cache_max_blocks',
    tokensPerBlock: 'trtllm_kv_cache_tokens_per_block',
  },
};

/** Tokens that an engine's KV cache has room for, all ranks together, by the text of its metrics; undefined where it does not say. */
export function readCacheTokens(kind: EngineKind, text: string): number | undefined {
  const metrics = cacheMetrics[kind];
  if (metrics === undefined) return undefined;
  const names = 'info' in metrics ? [metrics.info] : Object.values(metrics);
  const samples = readSamples(text, new Set(names));
  const tokens = 'info' in metrics ? tokensOfInfo(samples, metrics) : product(samples, names);
  return Number.isSafeInteger(tokens) && tokens > 0 ? tokens : undefined;
}

function tokensOfInfo(
  samples: readonly Sample[],
  metrics: { readonly blocksLabel: string; readonly tokensLabel: string },
): number {
  return samples.reduce(
    (sum, { labels }) =>
      sum + Number(labels[metrics.blocksLabel]) * Number(labels[metrics.tokensLabel]),
    0,
  );
}

/** What each of these metrics is of adds up over ranks where it is first named, and is the same for all where it is second. */
function product(samples: readonly Sample[], [first, second]: readonly string[]): number {
  const sum = samples.reduce((total, { name, value }) => total + (name === first ? value : 0), 0);
  if (second === undefined) return sum;
  return sum * (samples.find(({ name }) => name === second)?.value ?? Number.NaN);
}
