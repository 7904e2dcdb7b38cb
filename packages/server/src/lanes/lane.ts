import { randomUUID } from 'node:crypto';
import {
  ApiBackend,
  type Backend,
  type BatchMetrics,
  createBatchMetrics,
  createModelsRoute,
  endpointDefaults,
  type Gateway,
  gatewayDefaults,
  type GatewayOptions,
  HttpBackend,
  type OwnRoute,
  pathOf,
  startGateway,
} from '@millrace/gateway';
import { draining } from '@millrace/openai';
import { type Clock, HeldClock, seededPrng, systemClock } from '@millrace/stdx';
import { Registry, type RegistrySnapshot } from '@millrace/telemetry';
import { healthAnswer } from '../admin/admin-route.ts';
import { type EngineStatus, engineUnavailable } from '../supervise/engine-status.ts';
import type { ControlLine } from './control-line.ts';
import { LaneEndpoints } from './lane-endpoints.ts';
import type { LaneSetup, LaneSource, ToLane } from './lane-messages.ts';

/** What answers behind a lane, and how it follows what control tells. */
interface LaneRear extends Disposable {
  readonly gateway: Pick<GatewayOptions, 'backend' | 'identify' | 'ownRoutes'>;
  follow(told: ToLane): void;
}

/** A gateway in a thread of its own. Of other lanes it knows nothing; what they share it reads in shared memory. */
export class Lane {
  readonly #rear: LaneRear;
  readonly #registry: Registry;
  readonly #gateway: Gateway;
  readonly #line: ControlLine;
  readonly #life: { isDraining: boolean };

  private constructor(
    rear: LaneRear,
    parts: {
      readonly registry: Registry;
      readonly gateway: Gateway;
      readonly line: ControlLine;
      readonly life: { isDraining: boolean };
    },
  ) {
    this.#rear = rear;
    this.#registry = parts.registry;
    this.#gateway = parts.gateway;
    this.#line = parts.line;
    this.#life = parts.life;
  }

  /** Serves what control has set up; `line` leads to control. Throws what `startGateway` throws. */
  static async open(setup: LaneSetup, line: ControlLine): Promise<Lane> {
    const registry = new Registry();
    const clock = new HeldClock(systemClock);
    const rear = rearOf(setup, registry, clock);
    const life = { isDraining: false };
    const { ownRoutes = [], ...front } = rear.gateway;
    const gateway = await startGateway({
      ...front,
      clock,
      registry,
      createRequestId: requestIds(),
      ownRoutes: [healthRoute(front.backend, life), line.route(), ...ownRoutes],
      listen: setup.listen,
      isPortShared: setup.isPortShared,
      tls: setup.tls,
      bounds: setup.limits,
    });
    return new Lane(rear, { registry, gateway, line, life });
  }

  get place(): Gateway['place'] {
    return this.#gateway.place;
  }

  get metrics(): RegistrySnapshot {
    return this.#registry.snapshot();
  }

  /** Does what control tells, but for `measure` and `drain`, which the thread answers. */
  follow(told: ToLane): void {
    if (told.kind === 'answer') this.#line.settle(told.id, told.answer);
    else if (told.kind === 'tls') this.#gateway.replaceTls(told.tls);
    else this.#rear.follow(told);
  }

  /** Finishes what runs for at most so long. */
  async drain(drainMsMax: number): Promise<void> {
    this.#life.isDraining = true;
    await this.#gateway.drain(drainMsMax);
    this.#rear[Symbol.dispose]();
  }
}

/** 200 exactly when requests are served, which every lane knows by itself. */
function healthRoute(backend: Backend, life: { readonly isDraining: boolean }): OwnRoute {
  return ({ method, target }) => {
    const isAsked = (method === 'GET' || method === 'HEAD') && pathOf(target) === '/health';
    if (!isAsked) return undefined;
    return healthAnswer(life.isDraining ? draining() : backend.unavailable);
  };
}

function rearOf(setup: LaneSetup, registry: Registry, clock: Clock): LaneRear {
  return setup.source.kind === 'engine'
    ? engineRear(setup.source, setup, clock)
    : endpointsRear(setup.source, { setup, clock, batchMetrics: createBatchMetrics(registry) });
}

/** One engine of our own at a socket that changes when it is started again. */
function engineRear(
  source: LaneSource & { readonly kind: 'engine' },
  { limits }: LaneSetup,
  clock: Clock,
): LaneRear {
  let engine: EngineStatus = source.engine;
  const backend = new HttpBackend({
    address: () => ({ kind: 'socket', path: engine.socketPath }),
    unavailable: () => engineUnavailable(engine, systemClock.unixMs()),
    connectionsMax: limits.backendConnectionsMax,
    firstByteMsMax: gatewayDefaults.firstByteMsMax,
    clock,
  });
  return {
    gateway: {
      backend: new ApiBackend(backend, {
        nativeApis: [],
        answerBytesMax: endpointDefaults.translatedBytesMax,
      }),
    },
    follow: (told) => {
      if (told.kind === 'engine') engine = told.engine;
    },
    [Symbol.dispose]: () => backend[Symbol.dispose](),
  };
}

function endpointsRear(
  source: LaneSource & { readonly kind: 'endpoints' },
  parts: { readonly setup: LaneSetup; readonly clock: Clock; readonly batchMetrics: BatchMetrics },
): LaneRear {
  const { setup, clock, batchMetrics } = parts;
  const endpoints = new LaneEndpoints(source.table, {
    memory: source.memory,
    batchMetrics,
    backendConnectionsMax: setup.limits.backendConnectionsMax,
    lane: setup.lane,
    clock,
    random: seededPrng(setup.seed + setup.lane),
  });
  return {
    gateway: {
      backend: endpoints.backend,
      identify: (headers) => endpoints.identify(headers),
      ownRoutes: [createModelsRoute(() => endpoints.table)],
    },
    follow: (told) => {
      if (told.kind === 'table') endpoints.replace(told.table);
      else if (told.kind === 'learned') endpoints.learn(told.endpoint);
    },
    [Symbol.dispose]: () => endpoints[Symbol.dispose](),
  };
}

const idDigits = 10;
const nine = 0x39;
const zero = 0x30;

/**
 * Ids of a lane's requests: what it draws once, since drawing is dear, and a number. It counts in bytes, of which text is
 * made in one piece; text put together of two costs twice as much where it is written.
 */
function requestIds(): () => string {
  const drawn = randomUUID().replaceAll('-', '');
  const bytes = Buffer.from(`req_${drawn}-${'0'.repeat(idDigits)}`, 'latin1');
  const last = bytes.length - 1;
  return () => {
    let at = last;
    for (; bytes[at] === nine; at--) bytes[at] = zero;
    bytes[at] = (bytes[at] as number) + 1;
    return bytes.toString('latin1');
  };
}
