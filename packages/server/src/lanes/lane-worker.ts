import { Worker } from 'node:worker_threads';
import { GatewayError, type GatewayErrorCode, type ListenPlace } from '@millrace/gateway';
import { assert, messageOf } from '@millrace/stdx';
import type { RegistrySnapshot } from '@millrace/telemetry';
import { ServerError } from '../errors.ts';
import {
  type FromLane,
  laneProtocol,
  type LaneSetup,
  type LaneTable,
  type ToLane,
} from './lane-messages.ts';

/** How one thread is started, and who is told what it asks. */
export interface LaneWorkerOptions {
  readonly setup: LaneSetup;
  /** The module whose `runLane` the thread calls. */
  readonly program: URL;
  readonly onAsk: (ask: FromLane & { readonly kind: 'ask' }) => void;
}

/** Most memory of a lane's own heap, in MB; buffers of requests and answers are outside of it. */
const heapLimits = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 24 };

/** One life of a lane: the thread as control sees it. */
export class LaneWorker {
  /** Where it serves; rejects when it ends before it does. */
  readonly listening: Promise<ListenPlace>;
  /** How it ended, in words; `drained` where it was told to. */
  readonly ended: Promise<string>;
  /** What it had counted when it last said so. */
  metrics: RegistrySnapshot = [];
  readonly #worker: Worker;
  readonly #listened = Promise.withResolvers<ListenPlace>();
  readonly #awaited = new Map<number | 'measured', PromiseWithResolvers<void>>();
  #state: 'starting' | 'serving' | 'drained' | 'ended' = 'starting';
  #unanswered = 0;
  #reason: string | undefined;

  constructor({ setup, program, onAsk }: LaneWorkerOptions) {
    const run = `import { runLane } from ${JSON.stringify(program.href)}; await runLane();`;
    this.#worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(run)}`), {
      workerData: setup,
      name: `lane ${setup.lane}`,
      resourceLimits: heapLimits,
    });
    this.listening = this.#listened.promise;
    // Whoever started it waits for this; one that is started again is heard of by its end.
    this.listening.catch(() => undefined);
    this.#worker.on('message', (message: FromLane) => {
      if (message.kind === 'ask') onAsk(message);
      else this.#note(message);
    });
    this.#worker.on('error', (error) => (this.#reason = messageOf(error)));
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', (status) => resolve(this.#noteEnd(status)));
    });
  }

  get isServing(): boolean {
    return this.#state === 'serving';
  }

  /** Measurements in a row that it has not answered. */
  get unansweredCount(): number {
    return this.#unanswered;
  }

  send(message: ToLane): void {
    this.#worker.postMessage(message);
  }

  /** Resolves when requests go by this table, or the lane has ended. */
  takeOver(number: number, table: LaneTable): Promise<void> {
    if (this.#state === 'ended') return Promise.resolve();
    this.send({ kind: 'table', number, table });
    return this.#wait(number);
  }

  /** Resolves when `metrics` are of this moment, or the lane has ended. */
  measure(): Promise<void> {
    if (this.#state === 'ended') return Promise.resolve();
    this.#unanswered++;
    this.send({ kind: 'measure' });
    return this.#wait('measured');
  }

  /** Ends it at once: its connections are cut. */
  async cut(reason: string): Promise<void> {
    this.#reason ??= reason;
    await this.#worker.terminate();
  }

  #note(message: Exclude<FromLane, { readonly kind: 'ask' }>): void {
    switch (message.kind) {
      case 'listening':
        assert(message.protocol === laneProtocol, `a lane speaks version ${message.protocol}`);
        this.#state = 'serving';
        return this.#listened.resolve(message.place);
      case 'failed':
        this.#reason = message.message;
        return this.#listened.reject(faultOf(message));
      case 'took-over':
        return this.#settle(message.number);
      case 'measured':
        this.metrics = message.metrics;
        this.#unanswered = 0;
        return this.#settle('measured');
      case 'drained':
        this.metrics = message.metrics;
        this.#state = 'drained';
    }
  }

  #noteEnd(status: number): string {
    const how = this.#state === 'drained' ? 'drained' : (this.#reason ?? `status ${status}`);
    this.#state = 'ended';
    this.#listened.reject(
      new ServerError(`a lane ended before it served: ${how}`, { code: 'SERVER_LANE_FAILED' }),
    );
    for (const awaited of this.#awaited.values()) awaited.resolve();
    this.#awaited.clear();
    return how;
  }

  #wait(what: number | 'measured'): Promise<void> {
    const awaited = this.#awaited.get(what) ?? Promise.withResolvers<void>();
    this.#awaited.set(what, awaited);
    return awaited.promise;
  }

  #settle(what: number | 'measured'): void {
    this.#awaited.get(what)?.resolve();
    this.#awaited.delete(what);
  }
}

/** Errors lose their class between threads; those of the gateway get it back. */
function faultOf({ code, message }: FromLane & { readonly kind: 'failed' }): Error {
  return code?.startsWith('GATEWAY_') === true
    ? new GatewayError(message, { code: code as GatewayErrorCode })
    : new ServerError(message, { code: 'SERVER_LANE_FAILED' });
}
