import type { Registry } from '@millrace/telemetry';
import type { Circuit } from '../resilience/circuit-table.ts';
import { countedEvents } from '../resilience/resilience-counts.ts';
import type { Resilience } from '../resilience/resilience.ts';
import type { Endpoint } from './endpoint.ts';

const circuits: readonly Circuit[] = ['closed', 'half-open', 'open'];

/** What the gauges of endpoints are read from. */
export interface EndpointMetricSource {
  readonly endpoints: () => readonly Endpoint[];
  /** Requests that an endpoint is answering, of all lanes. */
  readonly activeCount: (endpoint: Endpoint) => number;
  readonly resilience: () => Resilience;
  /** How far the ledger's word on an endpoint has proved right, from 0 to 1. */
  readonly trust: (endpoint: Endpoint) => number;
  /** Blocks that it says its cache holds; undefined where it does not say. */
  readonly toldBlocks: (endpoint: Endpoint) => number | undefined;
}

/** Registers gauges of endpoints; what is not known has no sample, never 0. */
export function registerEndpointMetrics(registry: Registry, source: EndpointMetricSource): void {
  const gauge = gaugesOf(registry, source);
  gauge('millrace_endpoint_serving', '1 while the endpoint may be asked.', (endpoint) =>
    endpoint.health.state === 'serving' ? 1 : 0,
  );
  gauge(
    'millrace_endpoint_active_requests',
    'Requests of this gateway that the endpoint is answering.',
    source.activeCount,
  );
  gauge(
    'millrace_endpoint_running_requests',
    'Requests that the endpoint says it computes.',
    (endpoint) => endpoint.load?.running,
  );
  gauge(
    'millrace_endpoint_waiting_requests',
    'Requests that the endpoint says wait.',
    (endpoint) => endpoint.load?.waiting,
  );
  gauge(
    'millrace_endpoint_kv_usage_ratio',
    'Share of its KV cache that the endpoint says is in use.',
    (endpoint) => endpoint.load?.kvUsage,
  );
  gauge(
    'millrace_endpoint_cache_tokens',
    'Tokens that the endpoint says its KV cache has room for.',
    (endpoint) => endpoint.cacheTokens,
  );
  gauge(
    'millrace_endpoint_missing_metrics',
    'Metrics that this kind of engine should have and the endpoint has not.',
    (endpoint) => endpoint.missingMetrics.length,
  );
  registerResilienceMetrics(registry, source);
}

function registerResilienceMetrics(registry: Registry, source: EndpointMetricSource): void {
  const gauge = gaugesOf(registry, source);
  gauge(
    'millrace_endpoint_circuit',
    '0 while requests pass, 1 while one at a time tries, 2 while none does.',
    ({ index }) => circuits.indexOf(source.resilience().circuits.circuit(index)),
  );
  gauge(
    'millrace_endpoint_trust_ratio',
    'How far what was expected of its cache has proved right.',
    source.trust,
  );
  gauge(
    'millrace_endpoint_told_blocks',
    'Blocks that the endpoint says its cache holds, by KV events.',
    source.toldBlocks,
  );
  registry.labelledCounter({
    name: 'millrace_gateway_resilience_total',
    help: 'What was done about endpoints that fail, hang, are slow or full.',
    labelNames: ['event'],
    read: () =>
      countedEvents.map((event) => {
        return { labels: { event }, value: source.resilience().counts.read(event) };
      }),
  });
}

type RegisterGauge = (
  name: string,
  help: string,
  valueOf: (endpoint: Endpoint) => number | undefined,
) => void;

function gaugesOf(registry: Registry, source: EndpointMetricSource): RegisterGauge {
  return (name, help, valueOf) =>
    void registry.labelledGauge({
      name,
      help,
      labelNames: ['endpoint'],
      read: () =>
        source.endpoints().flatMap((endpoint) => {
          const value = valueOf(endpoint);
          return value === undefined
            ? []
            : [{ labels: { endpoint: endpoint.options.name }, value }];
        }),
    });
}
