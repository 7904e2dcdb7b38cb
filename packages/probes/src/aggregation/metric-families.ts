import { type Counter, type Histogram, type Labelled, Registry } from '@millrace/telemetry';
import type { LossCounts } from '../live/probe-parts.ts';
import { type MetricBuckets, resolveBuckets } from './buckets.ts';

/** Options of metrics. */
export interface RequestMetricsOptions {
  readonly buckets?: MetricBuckets;
  /** Label sets of each metric that are kept apart; further ones share one series. Default 256. */
  readonly labelSetsMax?: number;
  /** Asked at every exposition: each probe's account. */
  readonly losses?: () => Readonly<Record<string, LossCounts>>;
}

/** Names in OTLP of the metrics and labels that the semantic conventions name with dots. */
export const otlpNames: Readonly<Record<string, string>> = {
  gen_ai_server_time_to_first_token_seconds: 'gen_ai.server.time_to_first_token',
  gen_ai_server_time_per_output_token_seconds: 'gen_ai.server.time_per_output_token',
  gen_ai_server_request_duration_seconds: 'gen_ai.server.request.duration',
  gen_ai_operation_name: 'gen_ai.operation.name',
  gen_ai_request_model: 'gen_ai.request.model',
  gen_ai_token_type: 'gen_ai.token.type',
  server_port: 'server.port',
  error_type: 'error.type',
};

/** Every metric of traced requests. */
export interface MetricFamilies {
  readonly registry: Registry;
  readonly firstToken: Labelled<Histogram>;
  readonly perToken: Labelled<Histogram>;
  readonly duration: Labelled<Histogram>;
  readonly gap: Labelled<Histogram>;
  readonly vllmFirstToken: Labelled<Histogram>;
  readonly vllmBetweenTokens: Labelled<Histogram>;
  readonly vllmDuration: Labelled<Histogram>;
  readonly requests: Labelled<Counter>;
  readonly tokens: Labelled<Counter>;
  readonly causes: Labelled<Counter>;
  readonly abandoned: Labelled<Counter>;
}

const common = ['gen_ai_operation_name', 'gen_ai_request_model', 'server_port'];

/** Registers the metrics. */
export function createFamilies(options: RequestMetricsOptions): MetricFamilies {
  const { labelSetsMax = 256, losses } = options;
  const buckets = resolveBuckets(options.buckets);
  const registry = new Registry({ labelSetsMax });
  const histogram = (
    [name, help]: readonly [string, string],
    bounds: readonly number[],
    labelNames: readonly string[] = common,
  ): Labelled<Histogram> => registry.labelledHistogram({ name, help, buckets: bounds, labelNames });
  const counter = (
    [name, help]: readonly [string, string],
    ...further: readonly string[]
  ): Labelled<Counter> =>
    registry.labelledCounter({ name, help, labelNames: [...common, ...further] });
  const { timeToFirstToken, timePerOutputToken, duration, gap } = buckets;
  const model = ['model_name'];
  const names = metricNames;
  if (losses !== undefined) exposeLosses(registry, losses);
  return {
    registry,
    firstToken: histogram(names.firstToken, timeToFirstToken),
    perToken: histogram(names.perToken, timePerOutputToken),
    duration: histogram(names.duration, duration, [...common, 'error_type']),
    gap: histogram(names.gap, gap),
    vllmFirstToken: histogram(names.vllmFirstToken, timeToFirstToken, model),
    vllmBetweenTokens: histogram(names.vllmBetweenTokens, timePerOutputToken, model),
    vllmDuration: histogram(names.vllmDuration, duration, model),
    requests: counter(names.requests, 'status', 'ending', 'complete'),
    tokens: counter(names.tokens, 'gen_ai_token_type'),
    causes: counter(names.causes, 'cause'),
    abandoned: counter(names.abandoned),
  };
}

const metricNames = {
  firstToken: [
    'gen_ai_server_time_to_first_token_seconds',
    'From the arrival of a request to its first output with content.',
  ],
  perToken: [
    'gen_ai_server_time_per_output_token_seconds',
    'Time after the first output, by tokens after the first, where the server reports them.',
  ],
  duration: [
    'gen_ai_server_request_duration_seconds',
    'From the arrival of a request to the end of its answer.',
  ],
  gap: ['millrace_trace_output_gap_seconds', 'Between outputs with content of one answer.'],
  vllmFirstToken: ['vllm:time_to_first_token_seconds', 'As the kernel saw it.'],
  vllmBetweenTokens: [
    'vllm:inter_token_latency_seconds',
    'Between outputs with content, as the kernel saw them.',
  ],
  vllmDuration: ['vllm:e2e_request_latency_seconds', 'As the kernel saw it.'],
  requests: ['millrace_trace_requests_total', 'Requests that have ended.'],
  tokens: ['millrace_trace_tokens_total', 'Tokens as servers report them.'],
  causes: ['millrace_trace_cause_seconds_total', 'Time of requests, by cause.'],
  abandoned: [
    'millrace_trace_abandoned_seconds_total',
    'Time that servers went on for clients that had gone.',
  ],
} as const;

function exposeLosses(
  registry: Registry,
  losses: () => Readonly<Record<string, LossCounts>>,
): void {
  registry.labelledCounter({
    name: 'millrace_trace_events_total',
    help: 'Events of each probe: attempted = delivered + dropped + discarded.',
    labelNames: ['probe', 'outcome'],
    read: () =>
      Object.entries(losses()).flatMap(([probe, counts]) =>
        Object.entries(counts).map(([outcome, value]: [string, number]) => ({
          labels: { probe, outcome },
          value,
        })),
      ),
  });
}
