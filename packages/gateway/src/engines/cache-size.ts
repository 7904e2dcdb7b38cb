import type { EngineKind } from './engine-kind.ts';
import { readSamples } from './prometheus-text.ts';

/** Where an engine says how much its KV cache has room for. */
type CacheMetrics =
  /** A metric that counts tokens, or blocks of as many as another metric tells. */
  | { readonly count: string; readonly tokensEach?: string }
  /** A metric whose labels tell blocks, and tokens in each. */
  | { readonly info: string; readonly blocksLabel: string; readonly tokensLabel: string };

/** By the engines' own documents, but for ours. An engine that tells none of it keeps what it has, as far as anybody knows. */
const cacheMetrics: Readonly<Partial<Record<EngineKind, CacheMetrics>>> = {
  millrace: { count: 'millrace_engine_cache_tokens_max' },
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
    count: 'trtllm_kv_cache_max_blocks',
    tokensEach: 'trtllm_kv_cache_tokens_per_block',
  },
};

/** Tokens that an engine's KV cache has room for, all ranks together, by the text of its metrics; undefined where it does not say. */
export function readCacheTokens(kind: EngineKind, text: string): number | undefined {
  const metrics = cacheMetrics[kind];
  if (metrics === undefined) return undefined;
  const tokens = 'info' in metrics ? tokensOfInfo(text, metrics) : tokensOfCount(text, metrics);
  return Number.isSafeInteger(tokens) && tokens > 0 ? tokens : undefined;
}

function tokensOfInfo(
  text: string,
  { info, blocksLabel, tokensLabel }: Extract<CacheMetrics, { readonly info: string }>,
): number {
  return readSamples(text, new Set([info])).reduce(
    (sum, { labels }) => sum + Number(labels[blocksLabel]) * Number(labels[tokensLabel]),
    0,
  );
}

/** Counts add up over ranks; blocks are equally large on all. */
function tokensOfCount(
  text: string,
  { count, tokensEach }: Extract<CacheMetrics, { readonly count: string }>,
): number {
  const sum = readSamples(text, new Set([count])).reduce((total, { value }) => total + value, 0);
  if (tokensEach === undefined) return sum;
  const [each] = readSamples(text, new Set([tokensEach]));
  return sum * (each?.value ?? Number.NaN);
}
