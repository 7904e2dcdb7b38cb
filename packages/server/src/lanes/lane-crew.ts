import { claimPlace, type ListenPlace, type TlsOptions, whyPortNotShared } from '@millrace/gateway';
import { apiError } from '@millrace/openai';
import { AssertionError, assertDefined, type Clock, messageOf, type Timer } from '@millrace/stdx';
import {
  exposeSnapshot,
  mergeSnapshots,
  type Registry,
  type RegistrySnapshot,
} from '@millrace/telemetry';
import { type AdminRoute, errorAnswer } from '../admin/admin-route.ts';
import {
  type FromLane,
  laneProtocol,
  type LaneSource,
  type LaneTable,
  type ToLane,
} from './lane-messages.ts';
import { type LaneLimits, laneLimits } from './lane-limits.ts';
import { LaneWorker } from './lane-worker.ts';

/** How lanes are started and watched. */
export interface LaneCrewOptions {
  readonly lanes: number;
  readonly listen: ListenPlace;
  readonly seed: number;
  readonly clock: Clock;
  /** Control's own metrics; those of the lanes are added to them. */
  readonly registry: Registry;
  /** What a lane that starts at this moment starts from. */
  readonly source: () => LaneSource;
  /** What lanes that start at this moment serve TLS by; absent: clients speak in the clear. */
  readonly tls?: (() => TlsOptions | undefined) | undefined;
  /** Answers what operators ask on any lane's connections. */
  readonly answer: AdminRoute;
  /** Told of a lane that has ended amid its requests, before it is started again. */
  readonly onLaneEnded?: (lane: number) => void;
  readonly onNews: (news: string) => void;
  /** The module whose `runLane` each thread calls; by default the one beside this. */
  readonly program?: URL;
  readonly bounds?: Partial<LaneBounds>;
  /** Bounds of the data path in each lane; absent: the defaults. */
  readonly limits?: LaneLimits;
}

/** How long control waits for lanes. */
export interface LaneBounds {
  /** Time between two looks at what each lane has counted. */
  readonly measureMs: number;
  /** Looks in a row that a lane may leave without an answer before it is taken for hung, and cut. */
  readonly unansweredMax: number;
  /** Longest wait for the metrics of all lanes; of one that is late the last known are taken. */
  readonly measureWaitMsMax: number;
  /** A lane that has not taken over a table by then is cut. */
  readonly takeOverMsMax: number;
  /** A lane that was told to drain may be so much later than its limit. */
  readonly drainGraceMs: number;
  /** Pause before a lane is started again; it doubles with every end in a row. */
  readonly restartMsMin: number;
  readonly restartMsMax: number;
  /** A lane that served for so long begins anew with the shortest pause. */
  readonly stableMs: number;
}

const laneDefaults: LaneBounds = {
  measureMs: 1000,
  unansweredMax: 30,
  measureWaitMsMax: 1000,
  takeOverMsMax: 10_000,
  drainGraceMs: 2000,
  restartMsMin: 250,
  restartMsMax: 15_000,
  stableMs: 30_000,
};

interface Post {
  readonly lane: number;
  worker: LaneWorker;
  startedAtMs: number;
  deathsInARow: number;
  timer: Timer | undefined;
  /** What lives of the lane that have ended had counted. */
  retired: RegistrySnapshot;
}

/** The lanes of a gateway, as control has them: started, kept alike, started again when one ends, drained together. */
export class LaneCrew implements AsyncDisposable {
  readonly #options: LaneCrewOptions;
  readonly #bounds: LaneBounds;
  readonly #posts: Post[] = [];
  #place: ListenPlace;
  #isShared = false;
  #restartCount = 0;
  #tableNumber = 0;
  #isEnding = false;
  #measuring: Timer | undefined;

  constructor(options: LaneCrewOptions) {
    this.#options = options;
    this.#bounds = { ...laneDefaults, ...options.bounds };
    this.#place = options.listen;
    this.#register(options.registry);
  }

  /** Starts all lanes; resolves when each of them serves. Throws `GATEWAY_ADDRESS_IN_USE` and `GATEWAY_LISTEN_FAILED`. */
  async start(): Promise<void> {
    const { listen } = this.#options;
    const lanes = await lanesThatCanListen(this.#options);
    this.#isShared = lanes > 1;
    const isOpenPort = 'port' in listen && listen.port === 0;
    if (this.#isShared && !isOpenPort) await claimPlace(listen);
    try {
      // The first finds the port where any will do.
      const first = this.#post(0);
      if (isOpenPort) this.#place = await first.worker.listening;
      for (let lane = 1; lane < lanes; lane++) this.#post(lane);
      await Promise.all(this.#posts.map(({ worker }) => worker.listening));
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
    for (const post of this.#posts) void this.#watch(post);
    this.#measureAgain();
  }

  /** Where the lanes listen; a port of 0 has become the one that was given. */
  get place(): ListenPlace {
    return this.#place;
  }

  /** By what clients speak to them. */
  get scheme(): 'http' | 'https' {
    return this.#options.tls?.() === undefined ? 'http' : 'https';
  }

  /** Lanes that serve at this moment. */
  get servingCount(): number {
    return this.#posts.filter(({ worker }) => worker.isServing).length;
  }

  /** Tells every lane; one that is being started reads the source instead. */
  publish(message: ToLane): void {
    for (const { worker } of this.#posts) worker.send(message);
  }

  /** Resolves when no lane sends requests by an older table. A lane that does not take over is cut and started again. */
  async replaceTable(table: LaneTable): Promise<void> {
    const number = ++this.#tableNumber;
    await Promise.all(
      this.#posts.map(async ({ worker }) => {
        const { takeOverMsMax } = this.#bounds;
        const reason = `it did not take over a table for ${takeOverMsMax} ms`;
        using _timer = this.#options.clock.after(takeOverMsMax, () => void worker.cut(reason));
        await worker.takeOver(number, table);
      }),
    );
  }

  /** The metrics of control and of all lanes, those that have ended included, as one text. */
  async readMetrics(): Promise<string> {
    const late = Promise.withResolvers<void>();
    using _timer = this.#options.clock.after(this.#bounds.measureWaitMsMax, () => late.resolve());
    const measured = Promise.all(this.#posts.map(({ worker }) => worker.measure()));
    await Promise.race([measured, late.promise]);
    const lanes = this.#posts.flatMap(({ worker, retired }) => [retired, worker.metrics]);
    return exposeSnapshot(mergeSnapshots([this.#options.registry.snapshot(), ...lanes]));
  }

  /** No lane takes new connections, running answers end for at most `drainMsMax`, then what is left is cut. */
  async drain(drainMsMax: number): Promise<void> {
    this.#end();
    const { clock } = this.#options;
    const cutAfterMs = drainMsMax + this.#bounds.drainGraceMs;
    await Promise.all(
      this.#posts.map(async ({ worker }) => {
        worker.send({ kind: 'drain', drainMsMax });
        using _timer = clock.after(cutAfterMs, () => void worker.cut('it is late'));
        await worker.ended;
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await Promise.all(this.#posts.map(({ worker }) => worker.cut('the gateway ends')));
  }

  #end(): void {
    this.#isEnding = true;
    this.#measuring?.cancel();
    for (const { timer } of this.#posts) timer?.cancel();
  }

  async #watch(post: Post): Promise<void> {
    const how = await post.worker.ended;
    if (this.#isEnding) return;
    const { clock, onNews, onLaneEnded } = this.#options;
    onLaneEnded?.(post.lane);
    // What it counted stays counted; what it held, such as connections, is gone.
    const counted = post.worker.metrics.filter(({ type }) => type !== 'gauge');
    post.retired = mergeSnapshots([post.retired, counted]);
    post.worker.metrics = [];
    const { stableMs, restartMsMin, restartMsMax } = this.#bounds;
    const isStable = clock.nowMs() - post.startedAtMs >= stableMs;
    post.deathsInARow = isStable ? 1 : post.deathsInARow + 1;
    const pauseMs = Math.min(restartMsMax, restartMsMin * 2 ** (post.deathsInARow - 1));
    onNews(`lane ${post.lane} ended (${how}); it is started again in ${pauseMs} ms`);
    post.timer = clock.after(pauseMs, () => this.#restart(post));
  }

  #restart(post: Post): void {
    this.#restartCount++;
    post.worker = this.#openWorker(post.lane);
    post.startedAtMs = this.#options.clock.nowMs();
    void this.#watch(post);
  }

  #post(lane: number): Post {
    const worker = this.#openWorker(lane);
    const startedAtMs = this.#options.clock.nowMs();
    const post: Post = {
      lane,
      worker,
      startedAtMs,
      deathsInARow: 0,
      timer: undefined,
      retired: [],
    };
    this.#posts.push(post);
    return post;
  }

  #openWorker(lane: number): LaneWorker {
    const { seed, source, program = ownProgram() } = this.#options;
    const worker: LaneWorker = new LaneWorker({
      setup: {
        protocol: laneProtocol,
        lane,
        listen: this.#place,
        isPortShared: this.#isShared,
        limits: this.#options.limits ?? laneLimits(),
        seed,
        tls: this.#options.tls?.(),
        source: source(),
      },
      program,
      onAsk: (ask) => void this.#answer(ask, worker),
    });
    return worker;
  }

  async #answer(
    ask: FromLane & { readonly kind: 'ask' },
    worker: Pick<LaneWorker, 'send'>,
  ): Promise<void> {
    const { id, method, target } = ask;
    try {
      const answer = await this.#options.answer({ method, target });
      worker.send({ kind: 'answer', id, answer });
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      const told = apiError('backend_failed', `${target} failed: ${messageOf(error)}.`);
      worker.send({ kind: 'answer', id, answer: errorAnswer(told) });
    }
  }

  /** Keeps what lanes have counted, in case one of them ends, and finds those that hang. */
  #measureAgain(): void {
    const { measureMs, unansweredMax } = this.#bounds;
    this.#measuring = this.#options.clock.after(measureMs, () => {
      for (const { worker } of this.#posts) {
        if (!worker.isServing) continue;
        // Counted by questions, not by time: a process that was stopped for a while has not hung.
        if (worker.unansweredCount >= unansweredMax) void worker.cut('it did not answer any more');
        else void worker.measure();
      }
      this.#measureAgain();
    });
  }

  #register(registry: Registry): void {
    registry.gauge({
      name: 'millrace_lanes_serving',
      help: 'Threads that accept connections.',
      read: () => this.servingCount,
    });
    registry.labelledCounter({
      name: 'millrace_lane_restarts_total',
      help: 'Lanes that ended by themselves and were started again.',
      read: () => [{ labels: {}, value: this.#restartCount }],
    });
    registry.labelledCounter({
      name: 'millrace_lane_requests_total',
      help: 'Requests answered by each lane: how the system spreads connections.',
      labelNames: ['lane'],
      read: () =>
        this.#posts.map(({ lane, worker, retired }) => ({
          labels: { lane: String(lane) },
          value: requestsIn(retired) + requestsIn(worker.metrics),
        })),
    });
  }
}

function requestsIn(metrics: RegistrySnapshot): number {
  const family = metrics.find(({ name }) => name === 'millrace_gateway_requests_total');
  return (family?.series ?? []).reduce((sum, { values }) => sum + (values[0] ?? 0), 0);
}

/** The module beside this one, which npm ships as JavaScript. */
function ownProgram(): URL {
  const ending = assertDefined(/\.[jt]s$/.exec(import.meta.url)?.[0], 'a module has an ending');
  return new URL(`lane-thread${ending}`, import.meta.url);
}

/** One where only one can listen, which is told where more were asked for. */
async function lanesThatCanListen(options: LaneCrewOptions): Promise<number> {
  const { lanes, listen, onNews } = options;
  if (lanes === 1) return 1;
  const reason =
    'socket' in listen
      ? 'connections to a Unix socket are not spread over threads'
      : await whyPortNotShared(listen.host);
  if (reason === undefined) return lanes;
  onNews(`one lane serves instead of ${lanes}: ${reason}`);
  return 1;
}
