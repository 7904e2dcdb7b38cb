import {
  createEndpointMemory,
  type Endpoint,
  endpointDefaults,
  type EndpointMemory,
  EndpointMonitor,
  type EndpointOptions,
  EndpointPlaces,
  openEndpoint,
  type RoutingTable,
  type TenantOptions,
  unavailableOf,
} from '@millrace/gateway';
import { type Clock, systemClock, type Timer } from '@millrace/stdx';
import type { ServedSource } from '../admin/served-source.ts';
import type { EndpointConfig, FileConfig } from '../config/file-schema.ts';
import { endpointName } from '../config/read-config-file.ts';
import { ServerError } from '../errors.ts';
import type { LaneSource, LaneTable, LearnedEndpoint } from '../lanes/lane-messages.ts';

/** What a fleet needs from the process. */
export interface FleetParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Threads that will send requests to the endpoints. */
  readonly lanes: number;
  readonly onNews: (news: string) => void;
  /** Told when an endpoint is or serves something else than lanes know. */
  readonly onLearned: (endpoint: LearnedEndpoint) => void;
}

/** A part of what the ledger has outlived is cleared this often; all of it in so many parts. */
const sweepMs = 1000;
const sweepParts = 256;

/**
 * The endpoints of a configuration, watched: what control has of them. Lanes send the requests; they read health and
 * load in shared memory, and are told the table and what is learned.
 */
export class EndpointFleet implements Disposable {
  readonly #parts: FleetParts;
  readonly #clock: Clock = systemClock;
  readonly #memory: EndpointMemory;
  readonly #places: EndpointPlaces;
  #endpoints: readonly Endpoint[] = [];
  #config: FileConfig;
  #monitor: EndpointMonitor;
  #sweeping: Timer | undefined;

  private constructor(config: FileConfig, parts: FleetParts) {
    const clock = this.#clock;
    this.#parts = parts;
    this.#config = config;
    this.#memory = createEndpointMemory({ ...endpointDefaults, clock, lanesMax: parts.lanes });
    this.#places = new EndpointPlaces(this.#memory, clock);
    this.#endpoints = this.#openAll(config);
    this.#monitor = this.#monitorOf(this.#endpoints);
    this.#sweepAgain();
  }

  /** Opens the endpoints of a configuration and looks at each once. Throws `SERVER_SETTING_INVALID` for a key that is not in the environment. */
  static async open(config: FileConfig, parts: FleetParts): Promise<EndpointFleet> {
    const fleet = new EndpointFleet(config, parts);
    await fleet.#monitor.start();
    return fleet;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** What a lane that starts at this moment starts from. */
  get source(): LaneSource {
    return { kind: 'endpoints', memory: this.#memory, table: this.#table };
  }

  /** What the admin routes show of it. */
  get served(): ServedSource {
    const read = (): readonly Endpoint[] => this.#endpoints;
    return {
      get modelId() {
        return [...new Set(read().flatMap(({ models }) => models.map(({ id }) => id)))].join(', ');
      },
      get unavailable() {
        return unavailableOf(read());
      },
      readMetrics: () => Promise.resolve(''),
    };
  }

  /**
   * Takes over another configuration: endpoints that stay as they are keep what is known of them. `handOver` resolves
   * when no lane goes by an older table; only then is the place of an endpoint that left given to another.
   */
  async replace(config: FileConfig, handOver: (table: LaneTable) => Promise<void>): Promise<void> {
    const before = this.#endpoints;
    const endpoints = this.#openAll(config);
    const monitor = this.#monitorOf(endpoints);
    await monitor.start();
    this.#monitor[Symbol.dispose]();
    this.#monitor = monitor;
    this.#endpoints = endpoints;
    this.#config = config;
    await handOver(this.#table);
    this.#close(before.filter((endpoint) => !endpoints.includes(endpoint)));
  }

  /** Requests that an endpoint is answering, of all lanes. */
  activeCount({ index }: Endpoint): number {
    return this.#places.activeCount(index);
  }

  /** A lane has ended amid its requests: their load is taken off the endpoints. */
  takeBackLane(lane: number): void {
    this.#places.takeBackLane(lane);
  }

  [Symbol.dispose](): void {
    this.#sweeping?.cancel();
    this.#monitor[Symbol.dispose]();
    this.#close(this.#endpoints);
  }

  get #table(): LaneTable {
    const endpoints = this.#endpoints.map(({ options, index, kind, models }) => ({
      options: { ...options, url: options.url.href },
      index,
      kind,
      models,
    }));
    return { routing: routingOf(this.#config), endpoints, tenants: tenantsOf(this.#config) };
  }

  /** Opens those that are not open yet; where one cannot be, none of them is. */
  #openAll(config: FileConfig): readonly Endpoint[] {
    const opened: Endpoint[] = [];
    try {
      return optionsOf(config, this.#parts.env).map((options) => {
        const known = this.#endpoints.find((endpoint) => isSame(endpoint.options, options));
        if (known !== undefined) return known;
        const endpoint = openEndpoint(options, {
          clock: this.#clock,
          bounds: endpointDefaults,
          index: this.#places.take(),
          memory: this.#memory,
        });
        opened.push(endpoint);
        return endpoint;
      });
    } catch (error) {
      this.#close(opened);
      throw error;
    }
  }

  #close(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      endpoint.backend[Symbol.dispose]();
      this.#places.leave(endpoint.index);
    }
  }

  #monitorOf(endpoints: readonly Endpoint[]): EndpointMonitor {
    const { onNews, onLearned } = this.#parts;
    return new EndpointMonitor({
      ...endpointDefaults,
      endpoints,
      clock: this.#clock,
      onNews,
      onLearned: ({ index, kind, models }) => onLearned({ index, kind, models }),
    });
  }

  #sweepAgain(): void {
    this.#sweeping = this.#clock.after(sweepMs, () => {
      this.#places.sweepLedger(sweepParts);
      this.#sweepAgain();
    });
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
      nativeApis: endpoint.apis ?? [],
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

function tenantsOf({ tenants }: FileConfig): readonly TenantOptions[] | undefined {
  return tenants?.map(({ name, keys, models }) => ({
    name,
    keyHashes: keys.map((key) => key.slice('sha256:'.length)),
    models,
  }));
}

function routingOf(config: FileConfig): Omit<RoutingTable, 'endpoints'> {
  const aliases = Object.entries(config.aliases ?? {}).map(
    ([alias, targets]) => [alias, [targets].flat()] as const,
  );
  return { aliases: new Map(aliases), policy: config.routing?.policy ?? 'prefix' };
}

function isSame(one: EndpointOptions, other: EndpointOptions): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
