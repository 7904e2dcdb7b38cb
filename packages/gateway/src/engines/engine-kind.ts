/** The engines that are known by name; `openai` is any server that speaks OpenAI's API. */
export type EngineKind =
  | 'millrace'
  | 'vllm'
  | 'sglang'
  | 'tensorrt-llm'
  | 'llama.cpp'
  | 'ollama'
  | 'openai';

export const engineKinds: readonly EngineKind[] = [
  'millrace',
  'vllm',
  'sglang',
  'tensorrt-llm',
  'llama.cpp',
  'ollama',
  'openai',
];

/** What a load is read from: for each signal the names that versions of the engine gave it, newest first. */
export interface LoadMetricNames {
  /** Path of the metrics in Prometheus' text format. */
  readonly path: string;
  readonly running: readonly string[];
  readonly waiting: readonly string[];
  /** Share of the KV cache in use, 0 to 1. */
  readonly kvUsage: readonly string[];
  /** Prompt tokens that wait. */
  readonly waitingTokens: readonly string[];
}

/**
 * Metric names by engine (vLLM ≤ 0.9 said `gpu_cache_usage_perc`; llama.cpp no longer tells its cache's use; TensorRT-LLM
 * has Prometheus' format under its own path, and only when it is started to return performance metrics).
 */
export const loadMetricNames: Readonly<Record<EngineKind, LoadMetricNames | undefined>> = {
  millrace: {
    path: '/metrics',
    running: ['vllm:num_requests_running'],
    waiting: ['vllm:num_requests_waiting'],
    kvUsage: ['vllm:kv_cache_usage_perc'],
    waitingTokens: ['millrace_engine_waiting_tokens'],
  },
  vllm: {
    path: '/metrics',
    running: ['vllm:num_requests_running'],
    waiting: ['vllm:num_requests_waiting'],
    kvUsage: ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'],
    waitingTokens: [],
  },
  sglang: {
    path: '/metrics',
    running: ['sglang:num_running_reqs'],
    waiting: ['sglang:num_queue_reqs'],
    kvUsage: ['sglang:token_usage'],
    waitingTokens: [],
  },
  'tensorrt-llm': {
    path: '/prometheus/metrics',
    running: ['trtllm_num_requests_running'],
    waiting: ['trtllm_num_requests_waiting'],
    kvUsage: ['trtllm_kv_cache_utilization'],
    waitingTokens: [],
  },
  'llama.cpp': {
    path: '/metrics',
    running: ['llamacpp:requests_processing'],
    waiting: ['llamacpp:requests_deferred'],
    kvUsage: [],
    waitingTokens: [],
  },
  ollama: undefined,
  openai: undefined,
};
