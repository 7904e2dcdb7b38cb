import { type Clock, type Prng, seededPrng, systemClock } from '@millrace/stdx';
import { EndpointBackend } from '../endpoints/endpoint-backend.ts';
import { createEndpointMemory, type EndpointMemory } from '../endpoints/endpoint-memory.ts';
import { EndpointMonitor } from '../endpoints/endpoint-monitor.ts';
import { EndpointRouter } from '../endpoints/endpoint-router.ts';
import { type Endpoint, type EndpointOptions, openEndpoint } from '../endpoints/endpoint.ts';
import type { RoutingPolicyName, RoutingRules } from '../endpoints/routing-rules.ts';
import { type EndpointBounds, endpointDefaults } from '../options.ts';
import { Resilience } from '../resilience/resilience.ts';
import { type ResiliencePolicy, resilienceDefaults } from '../resilience/resilience-policy.ts';

/** What differs from a plain fleet. */
export interface FleetOptions {
  readonly aliases?: Readonly<Record<string, readonly string[]>>;
  readonly options?: Partial<EndpointOptions>;
  readonly bounds?: Partial<EndpointBounds>;
  readonly policy?: Partial<ResiliencePolicy>;
  readonly routing?: RoutingPolicyName;
  readonly rules?: RoutingRules;
  readonly clock?: Clock;
  readonly prng?: Prng;
  /** Whether the endpoints go on being looked at. */
  readonly isWatched?: boolean;
}

/** Endpoints that have been looked at once, behind one backend. */
export interface OpenFleet extends Disposable {
  readonly backend: EndpointBackend;
  readonly endpoints: readonly Endpoint[];
  readonly resilience: Resilience;
  readonly memory: EndpointMemory;
}

/** Opens endpoints at these addresses, named `e0`, `e1` and so on. */
export async function openFleet(urls: readonly URL[], more: FleetOptions = {}): Promise<OpenFleet> {
  const { clock = systemClock, prng = seededPrng(1) } = more;
  const bounds = { ...endpointDefaults, lookMsMax: 500, endpointsMax: 16, ...more.bounds };
  const memory = createEndpointMemory({ ...bounds, clock, ledgerBytes: 2 ** 20, lanesMax: 1 });
  const endpoints = urls.map((url, index) =>
    openEndpoint(
      {
        name: `e${index}`,
        url,
        kind: undefined,
        models: undefined,
        contextTokensMax: undefined,
        weight: 1,
        authorization: undefined,
        ...more.options,
      },
      { clock, bounds, index, memory },
    ),
  );
  const onNews = (): void => undefined;
  const monitor = new EndpointMonitor({ ...bounds, endpoints, clock, onNews });
  await monitor.start();
  if (more.isWatched !== true) monitor[Symbol.dispose]();
  const policy = { ...resilienceDefaults, ...more.policy };
  const resilience = new Resilience(memory.resilience, { clock, prng, policy });
  const aliases = new Map(Object.entries(more.aliases ?? {}));
  const backend = new EndpointBackend({
    table: {
      endpoints,
      aliases,
      policy: more.routing ?? 'prefix',
      ...(more.rules !== undefined && { rules: more.rules }),
    },
    router: new EndpointRouter({ ...bounds, clock, random: prng, memory }),
    resilience,
    clock,
    prng,
  });
  return {
    backend,
    endpoints,
    resilience,
    memory,
    [Symbol.dispose]: () => {
      monitor[Symbol.dispose]();
      for (const endpoint of endpoints) endpoint.backend[Symbol.dispose]();
    },
  };
}
