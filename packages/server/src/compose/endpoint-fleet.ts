import {
  createEndpointMemory,
  type Endpoint,
  EndpointBackend,
  endpointDefaults,
  type EndpointMemory,
  EndpointMonitor,
  type EndpointOptions,
  EndpointPlaces,
  EndpointRouter,
  type Identified,
  type KeyHeaders,
  openEndpoint,
  type RoutingTable,
  TenantDirectory,
} from '@millrace/gateway';
import { type Clock, type Prng, systemClock } from '@millrace/stdx';
import type { ServedSource } from '../admin/served-source.ts';
import type { EndpointConfig, FileConfig } from '../config/file-schema.ts';
import { endpointName } from '../config/read-config-file.ts';
import { ServerError } from '../errors.ts';

/** What a fleet needs from the process. */
export interface FleetParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly random: Prng;
  readonly onNews: (news: string) => void;
}

/** An endpoint that left the configuration is closed when its last answer has ended; it is looked at this often. */
const leavingLookMs = 1000;

/** The endpoints of a configuration, watched, behind one backend; a new configuration takes over without a pause. */
export class EndpointFleet implements Disposable {
  readonly backend: EndpointBackend;
  readonly #parts: FleetParts;
  readonly #clock: Clock = systemClock;
  readonly #memory: EndpointMemory;
  readonly #places: EndpointPlaces;
  #table: RoutingTable;
  #tenants: TenantDirectory | undefined;
  #monitor: EndpointMonitor;

  private constructor(config: FileConfig, parts: FleetParts) {
    const clock = this.#clock;
    this.#parts = parts;
    this.#memory = createEndpointMemory({ ...endpointDefaults, clock, lanesMax: 1 });
    this.#places = new EndpointPlaces(this.#memory, clock);
    this.#table = tableOf(
      config,
      optionsOf(config, parts.env).map((options) => this.#open(options)),
    );
    this.#tenants = tenantsOf(config);
    this.#monitor = this.#monitorOf(this.#table.endpoints);
    this.backend = new EndpointBackend({
      table: this.#table,
      router: new EndpointRouter({
        ...endpointDefaults,
        clock,
        random: parts.random,
        memory: this.#memory,
      }),
      clock,
      triesMax: endpointDefaults.triesMax,
    });
  }

  /** Opens the endpoints of a configuration and looks at each once. Throws `SERVER_SETTING_INVALID` for a key that is not in the environment. */
  static async open(config: FileConfig, parts: FleetParts): Promise<EndpointFleet> {
    const fleet = new EndpointFleet(config, parts);
    await fleet.#monitor.start();
    return fleet;
  }

  get table(): RoutingTable {
    return this.#table;
  }

  /** Whose request it is; where the configuration names no tenants, everybody's. */
  identify(headers: KeyHeaders): Identified {
    return this.#tenants?.identify(headers) ?? { kind: 'anybody' };
  }

  /** What the admin routes show of it. */
  get served(): ServedSource {
    const { backend } = this;
    const read = (): RoutingTable => this.#table;
    return {
      get modelId() {
        return [
          ...new Set(read().endpoints.flatMap(({ models }) => models.map(({ id }) => id))),
        ].join(', ');
      },
      get unavailable() {
        return backend.unavailable;
      },
      readMetrics: () => Promise.resolve(''),
    };
  }

  /** Takes over another configuration: endpoints that stay as they are keep their connections and what is known of them. */
  async replace(config: FileConfig): Promise<void> {
    const before = this.#table.endpoints;
    const endpoints = optionsOf(config, this.#parts.env).map(
      (options) =>
        before.find((endpoint) => isSame(endpoint.options, options)) ?? this.#open(options),
    );
    const monitor = this.#monitorOf(endpoints);
    await monitor.start();
    this.#monitor[Symbol.dispose]();
    this.#monitor = monitor;
    this.#table = tableOf(config, endpoints);
    this.#tenants = tenantsOf(config);
    this.backend.replaceTable(this.#table);
    for (const endpoint of before) {
      if (endpoints.includes(endpoint)) continue;
      this.#places.leave(endpoint.index);
      this.#closeWhenIdle(endpoint);
    }
  }

  /** Requests that an endpoint is answering. */
  activeCount({ index }: Endpoint): number {
    return this.#places.activeCount(index);
  }

  [Symbol.dispose](): void {
    this.#monitor[Symbol.dispose]();
    for (const endpoint of this.#table.endpoints) endpoint.backend[Symbol.dispose]();
  }

  #open(options: EndpointOptions): Endpoint {
    return openEndpoint(options, {
      clock: this.#clock,
      bounds: endpointDefaults,
      index: this.#places.take(),
      memory: this.#memory,
    });
  }

  #monitorOf(endpoints: readonly Endpoint[]): EndpointMonitor {
    const { onNews } = this.#parts;
    return new EndpointMonitor({ ...endpointDefaults, endpoints, clock: this.#clock, onNews });
  }

  #closeWhenIdle(endpoint: Endpoint): void {
    if (endpoint.activeCount === 0) endpoint.backend[Symbol.dispose]();
    else this.#clock.after(leavingLookMs, () => this.#closeWhenIdle(endpoint));
  }
}

function optionsOf(config: FileConfig, env: FleetParts['env']): readonly EndpointOptions[] {
  const missing: string[] = [];
  const options = config.endpoints.map((endpoint): EndpointOptions => {
    const key = keyOf(endpoint, env);
    if (endpoint.apiKeyEnv !== undefined && key === undefined)
      missing.push(
        `endpoint ${endpointName(endpoint)}: the environment has no ${endpoint.apiKeyEnv}`,
      );
    return {
      name: endpointName(endpoint),
      url: new URL(endpoint.url),
      kind: endpoint.kind,
      models: endpoint.models,
      contextTokensMax: endpoint.context,
      weight: endpoint.weight ?? 1,
      authorization: key === undefined ? undefined : `Bearer ${key}`,
    };
  });
  if (missing.length > 0)
    throw new ServerError(missing.join('\n'), { code: 'SERVER_SETTING_INVALID' });
  return options;
}

function keyOf({ apiKeyEnv }: EndpointConfig, env: FleetParts['env']): string | undefined {
  const key = apiKeyEnv === undefined ? undefined : env[apiKeyEnv]?.trim();
  return key === '' ? undefined : key;
}

function tenantsOf({ tenants }: FileConfig): TenantDirectory | undefined {
  if (tenants === undefined) return undefined;
  return new TenantDirectory(
    tenants.map(({ name, keys, models }) => ({
      name,
      keyHashes: keys.map((key) => key.slice('sha256:'.length)),
      models,
    })),
  );
}

function tableOf(config: FileConfig, endpoints: readonly Endpoint[]): RoutingTable {
  const aliases = Object.entries(config.aliases ?? {}).map(
    ([alias, targets]) => [alias, [targets].flat()] as const,
  );
  return { endpoints, aliases: new Map(aliases), policy: config.routing?.policy ?? 'prefix' };
}

function isSame(one: EndpointOptions, other: EndpointOptions): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
