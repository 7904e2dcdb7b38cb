import type { Registry } from '@millrace/telemetry';
import type { Endpoint } from './endpoint.ts';

/** What the gauges of endpoints are read from. */
export interface EndpointMetricSource {
  readonly endpoints: () => readonly Endpoint[];
  /** Requests that an endpoint is answering, of all lanes. */
  readonly activeCount: (endpoint: Endpoint) => number;
}

/** Registers gauges of endpoints; what is not known has no sample, never 0. */
export function registerEndpointMetrics(registry: Registry, source: EndpointMetricSource): void {
  const gauge = (
    name: string,
    help: string,
    valueOf: (endpoint: Endpoint) => number | undefined,
  ): void => {
    registry.labelledGauge({
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
  };
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
    'millrace_endpoint_missing_metrics',
    'Metrics that this kind of engine should have and the endpoint has not.',
    (endpoint) => endpoint.missingMetrics.length,
  );
}
