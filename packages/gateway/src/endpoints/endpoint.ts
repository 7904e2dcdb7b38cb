import type { Clock } from '@millrace/stdx';
import type { BackendAddress } from '../backends/backend-address.ts';
import { HttpBackend } from '../backends/http-backend.ts';
import { ApiBackend } from '../apis/api-backend.ts';
import type { TranslatedApi } from '../apis/api-route.ts';
import type { Backend } from '../backends/backend.ts';
import type { BatchMetrics } from '../batching/batch-metrics.ts';
import { BatchingBackend, type BatchingOptions } from '../batching/batching-backend.ts';
import type { EngineKind } from '../engines/engine-kind.ts';
import type { KvEventPlace } from '../engines/kv-events/kv-follower.ts';
import type { EndpointModel } from '../engines/identify.ts';
import type { EngineLoad } from '../engines/read-load.ts';
import type { EndpointBounds } from '../options.ts';
import type { TimeLimits } from '../resilience/time-limits.ts';
import { EndpointHealth } from './endpoint-health.ts';
import { SharedLoad } from './endpoint-load.ts';
import { type EndpointMemory, vitalsOf } from './endpoint-memory.ts';

/** An engine behind the gateway, as the configuration names it. */
export interface EndpointOptions {
  /** What metrics and decisions call it. */
  readonly name: string;
  /** Address, with a path that is put in front of every request's. */
  readonly url: URL;
  /** By default found out. */
  readonly kind: EngineKind | undefined;
  /** By default those that it lists. */
  readonly models: readonly string[] | undefined;
  readonly contextTokensMax: number | undefined;
  /** Share of the load. */
  readonly weight: number;
  /** Value of the header `authorization` that is sent to it; undefined: the client's own goes on. */
  readonly authorization: string | undefined;
  /** APIs that it speaks itself; by default none, and they are translated. */
  readonly nativeApis?: readonly TranslatedApi[];
  /** How requests are merged; absent: they are not. */
  readonly batching?: BatchingOptions;
  /** How long it may take, where that is not the same as for all. */
  readonly limits?: TimeLimits;
  /** Requests that it is given at once, by all lanes together. */
  readonly concurrencyMax?: number;
  /** How good its variant of a model is, 100 being full; by default by its quantisation. */
  readonly tier?: number;
  /** How its models are quantised; by default found out. */
  readonly quantization?: string;
  readonly costPerMillionTokens?: number;
  /** Where it tells what its cache holds. */
  readonly kvEvents?: KvEventPlace;
}

/** The model of an endpoint with this name. */
export function modelOf(endpoint: Endpoint, id: string): EndpointModel | undefined {
  const { models } = endpoint;
  for (let at = 0; at < models.length; at++) if (models[at]?.id === id) return models[at];
  return undefined;
}

/** Whether these are the models of the endpoints, of each at its place: what it serves is another list when it changes. */
export function areModelsOf(
  endpoints: readonly Endpoint[],
  models: readonly (readonly EndpointModel[] | undefined)[],
): boolean {
  for (let at = 0; at < endpoints.length; at++)
    if ((endpoints[at] as Endpoint).models !== models[at]) return false;
  return true;
}

/** An endpoint of which nothing is known yet. */
export function openEndpoint(
  options: EndpointOptions,
  parts: {
    readonly clock: Clock;
    readonly bounds: EndpointBounds;
    readonly index: number;
    readonly batchMetrics?: BatchMetrics | undefined;
    /** Where its health and load are; absent: this thread's alone. */
    readonly memory?: EndpointMemory;
  },
): Endpoint {
  const address = addressOf(options.url);
  const vitals = parts.memory === undefined ? undefined : vitalsOf(parts.memory, parts.index);
  const backend = new HttpBackend({
    address: () => address,
    unavailable: () => undefined,
    connectionsMax: parts.bounds.backendConnectionsMax,
    firstByteMsMax: options.limits?.firstByteMsMax ?? parts.bounds.firstByteMsMax,
    connectMsMax: options.limits?.connectMsMax ?? parts.bounds.connectMsMax,
    authorization: options.authorization,
    clock: parts.clock,
  });
  return new Endpoint({
    options,
    index: parts.index,
    backend,
    answering: new ApiBackend(batched(backend, options.batching, parts), {
      nativeApis: options.nativeApis ?? [],
      answerBytesMax: parts.bounds.translatedBytesMax,
    }),
    health: new EndpointHealth(parts.bounds, vitals?.health),
    sharedLoad: new SharedLoad(vitals?.load),
  });
}

/**
 * An engine behind the gateway, with all that is known of it. A class, so that all have one shape: each request reads them,
 * with many of them one after another.
 */
export class Endpoint {
  readonly options: EndpointOptions;
  /** Its place in what lanes share. */
  readonly index: number;
  /** Its connections. */
  readonly backend: HttpBackend;
  /** What answers clients: the connections, behind the APIs that it does not speak. */
  readonly answering: Backend;
  readonly health: EndpointHealth;
  kind: EngineKind;
  models: readonly EndpointModel[] = [];
  /** Metrics that this kind of engine should have and this one has not. */
  missingMetrics: readonly string[] = [];
  /** Tokens that its KV cache has room for, where it was looked at and says so. */
  cacheTokens: number | undefined = undefined;
  /** Requests of this lane that it is answering. */
  activeCount = 0;
  readonly #load: SharedLoad;

  constructor(
    parts: Pick<Endpoint, 'options' | 'index' | 'backend' | 'answering' | 'health'> & {
      readonly sharedLoad: SharedLoad;
    },
  ) {
    this.options = parts.options;
    this.index = parts.index;
    this.backend = parts.backend;
    this.answering = parts.answering;
    this.health = parts.health;
    this.kind = parts.options.kind ?? 'openai';
    this.#load = parts.sharedLoad;
  }

  /** What it last said of its load; undefined when it says nothing, or did not for a while. */
  get load(): EngineLoad | undefined {
    return this.#load.read();
  }

  set load(told: EngineLoad | undefined) {
    this.#load.write(told);
  }
}

function batched(
  backend: Backend,
  batching: BatchingOptions | undefined,
  parts: {
    readonly clock: Clock;
    readonly bounds: EndpointBounds;
    readonly batchMetrics?: BatchMetrics | undefined;
  },
): Backend {
  if (batching === undefined) return backend;
  const { clock, batchMetrics: metrics } = parts;
  const { translatedBytesMax: answerBytesMax } = parts.bounds;
  return new BatchingBackend(backend, { batching, clock, answerBytesMax, metrics });
}

function addressOf(url: URL): BackendAddress {
  const isTls = url.protocol === 'https:';
  const pathPrefix = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  return {
    kind: isTls ? 'tls' : 'tcp',
    // A URL writes IPv6 addresses in brackets; sockets do not.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    pathPrefix,
  };
}
