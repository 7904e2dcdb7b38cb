import { type Counter, type Histogram, Registry } from '@millrace/telemetry';
import type { KvLedger } from '../kv-cache/kv-ledger.ts';
import type { Scheduler } from '../scheduler/step-plan.ts';

/** Upper bounds in seconds; those of vLLM's histograms of the same names, so that dashboards fit. */
const ttftBuckets = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];
const gapBuckets = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];
const requestBuckets = [
  0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960,
];
const stepBuckets = [
  0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 2, 5,
];
const tokenBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/** Everything the engine counts: vLLM's metric names where they fit, our own beside them. */
export interface EngineMetrics {
  readonly registry: Registry;
  readonly promptTokens: Counter;
  readonly generationTokens: Counter;
  readonly prefixQueries: Counter;
  readonly prefixHits: Counter;
  readonly succeededStop: Counter;
  readonly succeededLength: Counter;
  readonly aborted: Counter;
  readonly failed: Counter;
  readonly rejected: Counter;
  readonly preempted: Counter;
  readonly ttft: Histogram;
  readonly gap: Histogram;
  readonly request: Histogram;
  readonly queued: Histogram;
  readonly stepTokens: Histogram;
  readonly step: Histogram;
  /** Seconds of a step spent outside libllama. */
  readonly overheadSeconds: Counter;
  readonly stepSeconds: Counter;
}

/** What gauges read. */
export interface EngineMetricsSources {
  readonly modelId: string;
  readonly scheduler: Scheduler;
  readonly ledger: KvLedger;
  /** Tokens whose keys and values can be kept at most, in contexts and in host memory. */
  readonly cacheTokensMax: number;
}

/** Registers the metrics; gauges read the scheduler and the ledger when they are exposed. */
export function createEngineMetrics(options: EngineMetricsSources): EngineMetrics {
  const registry = new Registry();
  registerGauges(registry, options);
  return {
    registry,
    ...registerCounters(registry, options.modelId),
    ...registerHistograms(registry, options.modelId),
  };
}

type Counters = Pick<
  EngineMetrics,
  {
    [Key in keyof EngineMetrics]: EngineMetrics[Key] extends Counter ? Key : never;
  }[keyof EngineMetrics]
>;
type Histograms = Omit<EngineMetrics, 'registry' | keyof Counters>;

function registerCounters(registry: Registry, modelId: string): Counters {
  const labels = { model_name: modelId };
  const counter = (name: string, help: string): Counter =>
    registry.labelledCounter({ name, help, labelNames: ['model_name'] }).labels(labels);
  const ended = registry.labelledCounter({
    name: 'vllm:request_success_total',
    help: 'Requests that ended, by reason.',
    labelNames: ['model_name', 'finished_reason'],
  });
  return {
    promptTokens: counter('vllm:prompt_tokens_total', 'Prompt tokens of accepted requests.'),
    generationTokens: counter('vllm:generation_tokens_total', 'Tokens generated.'),
    prefixQueries: counter(
      'vllm:prefix_cache_queries_total',
      'Prompt tokens looked for in caches.',
    ),
    prefixHits: counter('vllm:prefix_cache_hits_total', 'Prompt tokens found in caches.'),
    succeededStop: ended.labels({ ...labels, finished_reason: 'stop' }),
    succeededLength: ended.labels({ ...labels, finished_reason: 'length' }),
    aborted: ended.labels({ ...labels, finished_reason: 'abort' }),
    failed: counter(
      'millrace_engine_failed_requests_total',
      'Requests failed by a fault or deadline.',
    ),
    rejected: counter('millrace_engine_rejected_requests_total', 'Requests not accepted.'),
    preempted: counter('vllm:num_preemptions_total', 'Sequences put back to wait.'),
    overheadSeconds: counter(
      'millrace_engine_overhead_seconds_total',
      'Step time in which nothing was computed or sampled.',
    ),
    stepSeconds: counter('millrace_engine_steps_seconds_total', 'Time of all steps.'),
  };
}

function registerHistograms(registry: Registry, modelId: string): Histograms {
  const histogram = (name: string, help: string, buckets: readonly number[]): Histogram =>
    registry
      .labelledHistogram({ name, help, labelNames: ['model_name'], buckets })
      .labels({ model_name: modelId });
  return {
    ttft: histogram('vllm:time_to_first_token_seconds', 'Arrival to first token.', ttftBuckets),
    gap: histogram('vllm:inter_token_latency_seconds', 'Between tokens of an answer.', gapBuckets),
    request: histogram(
      'vllm:e2e_request_latency_seconds',
      'Arrival to last token.',
      requestBuckets,
    ),
    queued: histogram('vllm:request_queue_time_seconds', 'Arrival to first step.', requestBuckets),
    stepTokens: histogram(
      'vllm:iteration_tokens_total',
      'Tokens computed in a step.',
      tokenBuckets,
    ),
    step: histogram('millrace_engine_step_seconds', 'One step of the engine.', stepBuckets),
  };
}

function registerGauges(registry: Registry, sources: EngineMetricsSources): void {
  const { scheduler, ledger, modelId, cacheTokensMax } = sources;
  const gauge = (name: string, help: string, read: () => number): void => {
    registry.labelledGauge({
      name,
      help,
      labelNames: ['model_name'],
      read: () => [{ labels: { model_name: modelId }, value: read() }],
    });
  };
  const cells = (): { readonly running: number; readonly all: number } => ({
    running: ledger.pools.reduce((sum, pool) => sum + pool.cellsRunning, 0),
    all: ledger.pools.reduce((sum, pool) => sum + pool.shape.cellCount, 0),
  });
  gauge(
    'vllm:num_requests_running',
    'Sequences being computed.',
    () => scheduler.view.runningCount,
  );
  gauge('vllm:num_requests_waiting', 'Sequences waiting.', () => scheduler.view.waitingCount);
  gauge('vllm:kv_cache_usage_perc', 'Share of cells that running sequences hold, 0 to 1.', () => {
    const { running, all } = cells();
    return all === 0 ? 0 : running / all;
  });
  gauge('millrace_engine_kv_cells', 'Cells of all contexts.', () => cells().all);
  gauge(
    'millrace_engine_kv_cells_used',
    'Cells that hold something, cached prefixes included.',
    () => ledger.pools.reduce((sum, pool) => sum + pool.cellsUsed, 0),
  );
  gauge(
    'millrace_engine_cache_tokens_max',
    'Tokens that contexts at their largest and host memory can keep; 0 where no prefix is reused.',
    () => cacheTokensMax,
  );
  gauge(
    'millrace_engine_host_cache_bytes',
    'Cold prefixes in host memory.',
    () => ledger.hostBytesUsed,
  );
  gauge(
    'millrace_engine_sequences_bound',
    'Sequences that may run at once by the objective.',
    () => scheduler.view.sequencesBound,
  );
  gauge(
    'millrace_engine_waiting_tokens',
    'Prompt tokens that wait.',
    () => scheduler.view.waitingTokens,
  );
  gauge(
    'millrace_engine_predictor_error_ratio',
    'Moving average of |actual − predicted| / actual step time.',
    () => scheduler.view.predictorErrorRatio,
  );
}
