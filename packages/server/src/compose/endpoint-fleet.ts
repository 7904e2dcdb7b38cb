import {
  createEndpointMemory,
  type Endpoint,
  endpointDefaults,
  type EndpointMemory,
  EndpointMonitor,
  type EndpointOptions,
  EndpointPlaces,
  openEndpoint,
  Resilience,
  type TenantOptions,
  unavailableOf,
} from '@millrace/gateway';
import { type Clock, seededPrng, systemClock, type Timer } from '@millrace/stdx';
import type { ServedSource } from '../admin/served-source.ts';
import type { FileConfig } from '../config/file-schema.ts';
import { aliasModels } from '../config/read-config-file.ts';
import type { LaneSource, LaneTable, LearnedEndpoint } from '../lanes/lane-messages.ts';
import { drainingOf, endpointOptionsOf } from './endpoint-options.ts';
import { KvFollowers } from './kv-followers.ts';
import { LaunchedEngines } from './launched-engines.ts';
import { resiliencePolicyOf, routingRulesOf } from './policies-of-config.ts';

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
const leavingLookMs = 500;
const sweepParts = 256;
/** A completion that only shows whether an engine computes must have come by then. */
const completionMsMax = 10_000;

/**
 * The endpoints of a configuration, watched: what control has of them. Lanes send the requests; they read health and
 * load in shared memory, and are told the table and what is learned.
 */
export class EndpointFleet implements AsyncDisposable {
  readonly #parts: FleetParts;
  readonly #clock: Clock = systemClock;
  readonly #memory: EndpointMemory;
  readonly #places: EndpointPlaces;
  #endpoints: readonly Endpoint[] = [];
  #config: FileConfig;
  #monitor: EndpointMonitor;
  #sweeping: Timer | undefined;
  #resilience: Resilience;
  readonly #engines: LaunchedEngines;
  readonly #followers: KvFollowers;

  private constructor(
    config: FileConfig,
    parts: FleetParts,
    started: {
      readonly engines: LaunchedEngines;
      readonly options: readonly EndpointOptions[];
    },
  ) {
    const clock = this.#clock;
    this.#parts = parts;
    this.#config = config;
    this.#engines = started.engines;
    this.#memory = createEndpointMemory({ ...endpointDefaults, clock, lanesMax: parts.lanes });
    this.#places = new EndpointPlaces(this.#memory, clock);
    this.#followers = new KvFollowers({ memory: this.#memory, clock, onNews: parts.onNews });
    this.#endpoints = this.#openAll(config, started.options);
    this.#followers.follow(this.#endpoints);
    this.#resilience = this.#resilienceOf(config);
    this.#monitor = this.#monitorOf(config, this.#endpoints);
    this.#sweepAgain();
  }

  /** Opens the endpoints of a configuration and looks at each once. Throws `SERVER_SETTING_INVALID` for a key that is not in the environment. */
  static async open(config: FileConfig, parts: FleetParts): Promise<EndpointFleet> {
    const engines = new LaunchedEngines({ clock: systemClock, onNews: parts.onNews });
    try {
      const options = await engines.start(config);
      const fleet = new EndpointFleet(config, parts, { engines, options });
      await fleet.#monitor.start();
      return fleet;
    } catch (error) {
      await engines[Symbol.asyncDispose]();
      throw error;
    }
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
    const started = await this.#engines.start(config);
    const endpoints = this.#openAll(config, started);
    // An engine that takes over from another serves before that one is given nothing more.
    await this.#engines.settled();
    this.#resilience = this.#resilienceOf(config);
    const monitor = this.#monitorOf(config, endpoints);
    await monitor.start();
    this.#monitor[Symbol.dispose]();
    this.#monitor = monitor;
    this.#endpoints = endpoints;
    this.#config = config;
    await handOver(this.#table);
    this.#followers.follow(endpoints);
    const left = before.filter((endpoint) => !endpoints.includes(endpoint));
    this.#close(left);
    for (const endpoint of left) this.#endWhenIdle(endpoint);
  }

  /** Requests that an endpoint is answering, of all lanes. */
  activeCount({ index }: Endpoint): number {
    return this.#places.activeCount(index);
  }

  /** How far the ledger's word on an endpoint has proved right, from 0 to 1. */
  trust({ index }: Endpoint): number {
    return this.#places.trust(index);
  }

  /** Blocks that an endpoint says its cache holds; undefined where it does not say. */
  toldBlocks(endpoint: Endpoint): number | undefined {
    return this.#followers.toldBlocks(endpoint);
  }

  /** Circuits and counts of all lanes. */
  get resilience(): Resilience {
    return this.#resilience;
  }

  /** A lane has ended amid its requests: their load is taken off the endpoints. */
  takeBackLane(lane: number): void {
    this.#places.takeBackLane(lane);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sweeping?.cancel();
    this.#followers[Symbol.dispose]();
    this.#monitor[Symbol.dispose]();
    this.#close(this.#endpoints);
    await this.#engines[Symbol.asyncDispose]();
  }

  get #table(): LaneTable {
    const endpoints = this.#endpoints.map(({ options, index, kind, models }) => ({
      options: { ...options, url: options.url.href },
      index,
      kind,
      models,
    }));
    const { resilience, routing } = this.#config;
    return {
      routing: routingOf(this.#config),
      resilience: resiliencePolicyOf(resilience),
      record: routing?.record,
      endpoints,
      tenants: tenantsOf(this.#config),
    };
  }

  /** Opens those that are not open yet; where one cannot be, none of them is. */
  #openAll(config: FileConfig, started: readonly EndpointOptions[]): readonly Endpoint[] {
    const opened: Endpoint[] = [];
    try {
      return [...endpointOptionsOf(config, this.#parts.env), ...started].map((options) => {
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

  /** An engine that was started here and has left ends after its last answer. */
  #endWhenIdle(endpoint: Endpoint): void {
    if (this.#places.activeCount(endpoint.index) > 0)
      this.#clock.after(leavingLookMs, () => this.#endWhenIdle(endpoint));
    else void this.#engines.end(endpoint.options);
  }

  #close(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      endpoint.backend[Symbol.dispose]();
      this.#places.leave(endpoint.index);
    }
  }

  #monitorOf(config: FileConfig, endpoints: readonly Endpoint[]): EndpointMonitor {
    const { onNews, onLearned } = this.#parts;
    const { healthCheck } = config;
    return new EndpointMonitor({
      ...endpointDefaults,
      endpoints,
      clock: this.#clock,
      onNews,
      onLearned: ({ index, kind, models }) => onLearned({ index, kind, models }),
      onLooked: () => this.#ejectSlow(),
      onCacheTold: ({ index }, cacheTokens) => this.#places.setCacheTokens(index, cacheTokens),
      ...(healthCheck !== undefined && {
        completions: {
          everyMs: healthCheck.everyMs,
          timeoutMs: healthCheck.timeoutMs ?? completionMsMax,
          prompt: healthCheck.prompt ?? 'Hi',
        },
      }),
    });
  }

  #resilienceOf({ resilience }: FileConfig): Resilience {
    return new Resilience(this.#memory.resilience, {
      clock: this.#clock,
      prng: seededPrng(this.#clock.unixMs()),
      policy: resiliencePolicyOf(resilience),
    });
  }

  /** Leaves those alone for a while that are much slower than others of their kind and models. */
  #ejectSlow(): void {
    const compared = this.#endpoints.map(({ index, kind, models }) => {
      return { index, group: JSON.stringify([kind, models.map(({ id }) => id)]) };
    });
    for (const index of this.#resilience.ejectSlow(compared)) {
      const endpoint = this.#endpoints.find((one) => one.index === index);
      this.#parts.onNews(
        `endpoint ${endpoint?.options.name ?? index} is left alone for a while: its first tokens take many times as long as those of its like`,
      );
    }
  }

  #sweepAgain(): void {
    this.#sweeping = this.#clock.after(sweepMs, () => {
      this.#places.sweepLedgers(sweepParts);
      this.#sweepAgain();
    });
  }
}

function tenantsOf({ tenants }: FileConfig): readonly TenantOptions[] | undefined {
  return tenants?.map(({ name, keys, models }) => ({
    name,
    keyHashes: keys.map((key) => key.slice('sha256:'.length)),
    models,
  }));
}

function routingOf(config: FileConfig): LaneTable['routing'] {
  const aliases = Object.entries(config.aliases ?? {}).map(
    ([alias, targets]) => [alias, aliasModels(targets)] as const,
  );
  return {
    aliases: new Map(aliases),
    policy: config.routing?.policy ?? 'prefix',
    draining: drainingOf(config),
    rules: routingRulesOf(config),
  };
}

function isSame(one: EndpointOptions, other: EndpointOptions): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
