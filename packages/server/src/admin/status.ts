import type { ServedSource } from './served-source.ts';

/** What the status page shows. Times in seconds; what is not known is null, never 0. */
export interface AdminStatus {
  readonly model: string;
  readonly state: 'serving' | 'unavailable';
  readonly reason: string | null;
  readonly running: number | null;
  readonly waiting: number | null;
  readonly generatedTokens: number | null;
  readonly promptTokens: number | null;
  /** Share of prompt tokens that were taken from caches, 0 to 1. */
  readonly reuseRatio: number | null;
  readonly kvCells: number | null;
  readonly kvCellsUsed: number | null;
  readonly ttft: Quantiles;
  readonly tokenGap: Quantiles;
  readonly request: Quantiles;
  readonly predictorErrorRatio: number | null;
  readonly gatewayRequests: number | null;
}

/** Quantiles out of a histogram's buckets. */
export interface Quantiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly count: number;
}

/** Reads the status out of the metrics' text. */
export function readStatus(parts: {
  readonly served: Pick<ServedSource, 'modelId' | 'unavailable'>;
  readonly metrics: string | undefined;
  readonly gateway: string;
}): AdminStatus {
  const { served } = parts;
  const text = parts.metrics ?? '';
  const value = (name: string): number | null => sumOf(text, name);
  const queries = value('vllm:prefix_cache_queries_total');
  const hits = value('vllm:prefix_cache_hits_total');
  return {
    model: served.modelId,
    state: served.unavailable === undefined ? 'serving' : 'unavailable',
    reason: served.unavailable?.message ?? null,
    running: value('vllm:num_requests_running'),
    waiting: value('vllm:num_requests_waiting'),
    generatedTokens: value('vllm:generation_tokens_total'),
    promptTokens: value('vllm:prompt_tokens_total'),
    reuseRatio: queries === null || hits === null || queries === 0 ? null : hits / queries,
    kvCells: value('millrace_engine_kv_cells'),
    kvCellsUsed: value('millrace_engine_kv_cells_used'),
    ttft: quantilesOf(text, 'vllm:time_to_first_token_seconds'),
    tokenGap: quantilesOf(text, 'vllm:inter_token_latency_seconds'),
    request: quantilesOf(text, 'vllm:e2e_request_latency_seconds'),
    predictorErrorRatio: value('millrace_engine_predictor_error_ratio'),
    gatewayRequests: sumOf(parts.gateway, 'millrace_gateway_requests_total'),
  };
}

/** Sum over all series of a metric; null when there is none. */
function sumOf(text: string, name: string): number | null {
  let sum: number | null = null;
  for (const line of text.split('\n')) {
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      sum = (sum ?? 0) + Number(line.split(' ').at(-1));
  }
  return sum;
}

function quantilesOf(text: string, name: string): Quantiles {
  const buckets = text.split('\n').flatMap((line) => {
    const match = line.startsWith(`${name}_bucket{`) ? /le="([^"]+)"\} (\S+)/.exec(line) : null;
    return match === null
      ? []
      : [{ bound: match[1] === '+Inf' ? Infinity : Number(match[1]), count: Number(match[2]) }];
  });
  const count = buckets.at(-1)?.count ?? 0;
  const at = (q: number): number | null => {
    if (count === 0) return null;
    const index = buckets.findIndex((bucket) => bucket.count >= q * count);
    const upper = buckets[index];
    const lower = index === 0 ? { bound: 0, count: 0 } : buckets[index - 1];
    if (upper === undefined || lower === undefined || !Number.isFinite(upper.bound))
      return lower?.bound ?? null;
    return (
      lower.bound +
      ((upper.bound - lower.bound) * (q * count - lower.count)) / (upper.count - lower.count)
    );
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), count };
}
