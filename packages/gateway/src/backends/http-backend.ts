import { isDeepStrictEqual } from 'node:util';
import { apiError, type ApiError } from '@millrace/openai';
import type { Clock, Timer } from '@millrace/stdx';
import { SharedHeads } from '../http1/known-head.ts';
import { DeadlineQueue } from '../net/deadlines.ts';
import { MemoryViews } from '../net/memory-views.ts';
import { SharedOutput } from '../net/socket-writer.ts';
import type { Backend, BackendRequest, TakeAnswer } from './backend.ts';
import type { BackendAddress } from './backend-address.ts';
import { RequestStarts } from './request-starts.ts';
import { type ConnectionOwner, UpstreamConnection } from './upstream-connection.ts';
import { ExchangeGuard, UpstreamExchange } from './upstream-exchange.ts';

/** What an HTTP backend is made from. */
export interface HttpBackendOptions {
  readonly address: () => BackendAddress;
  /** Why it cannot be asked at present, if so. */
  readonly unavailable: () => ApiError | undefined;
  readonly connectionsMax: number;
  /** From sending a request, waiting for a connection included, to the first byte of its answer. */
  readonly firstByteMsMax: number;
  /** To open a connection; by default 10 s. */
  readonly connectMsMax?: number;
  /** Value of the header `authorization` that is sent; absent: the request's own goes on. */
  readonly authorization?: string | undefined;
  /** Certificates, in PEM, that the engine's own must be signed by; by default those of the system. */
  readonly certificates?: string;
  readonly clock: Clock;
}

/** Idle connections kept for the next request, and for how long. */
const idleConnectionsMax = 256;
const idleMsMax = 60_000;
const connectMsDefault = 10_000;
const readBytes = 64 * 1024;

/** A backend that speaks HTTP/1.1 over pooled connections. */
export class HttpBackend implements Backend, Disposable, ConnectionOwner {
  readonly clock: Clock;
  readonly starts: RequestStarts;
  readonly reads: MemoryViews = new MemoryViews(readBytes);
  readonly output: SharedOutput = new SharedOutput();
  readonly knownHeads: SharedHeads = new SharedHeads();
  tlsSession: Buffer | undefined;
  readonly #options: HttpBackendOptions;
  readonly #connecting: DeadlineQueue;
  readonly #firstBytes: DeadlineQueue;
  readonly #connections = new Set<UpstreamConnection>();
  /** By when they came to rest. */
  readonly #idle: UpstreamConnection[] = [];
  #idleTimer: Timer | undefined;
  readonly #waiting: UpstreamExchange[] = [];
  #address: BackendAddress | undefined;
  #isDisposed = false;

  constructor(options: HttpBackendOptions) {
    const { clock } = options;
    this.clock = clock;
    this.#options = options;
    this.#connecting = new DeadlineQueue(clock, options.connectMsMax ?? connectMsDefault);
    this.#firstBytes = new DeadlineQueue(clock, options.firstByteMsMax);
    this.starts = new RequestStarts(options.authorization);
  }

  get unavailable(): ApiError | undefined {
    return this.#options.unavailable();
  }

  get authorization(): string | undefined {
    return this.#options.authorization;
  }

  get certificates(): string | undefined {
    return this.#options.certificates;
  }

  /**
   * Sends a request. A pooled connection that the backend closed in the same instant is told by its end before any byte
   * of an answer: that request was never taken, and is sent once more on a connection that is opened for it.
   */
  send(request: BackendRequest, take: TakeAnswer): void {
    if (request.cancellation.reason !== undefined) return take({ kind: 'abandoned' });
    this.#dispatch(new UpstreamExchange(request, take));
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const connection of [...this.#connections]) connection.destroy();
    for (const exchange of this.#waiting.splice(0))
      exchange.fail(unreachable('the gateway is ending'));
    this.#connecting[Symbol.dispose]();
    this.#firstBytes[Symbol.dispose]();
    this.#idleTimer?.cancel();
  }

  noteConnected(connection: UpstreamConnection): void {
    connection.connectDeadline.cancel();
  }

  noteIdle(connection: UpstreamConnection): void {
    const next = this.#nextWaiting();
    if (next !== undefined) return connection.carry(next);
    if (this.#idle.length >= idleConnectionsMax || this.#isDisposed) return connection.destroy();
    this.#idle.push(connection);
    connection.idleSinceMs = this.clock.nowMs();
    this.#idleTimer ??= this.clock.after(idleMsMax, () => this.#closeIdle());
  }

  noteClosed(connection: UpstreamConnection, unanswered: UpstreamExchange | undefined): void {
    this.#connections.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    if (unanswered !== undefined) this.#fail(connection, unanswered);
    const next = this.#connections.size < this.#options.connectionsMax && this.#nextWaiting();
    if (next) this.#open(next);
  }

  #fail(connection: UpstreamConnection, unanswered: UpstreamExchange): void {
    if (unanswered.isOver) return;
    if (connection.wasStale && !this.#isDisposed) return this.#open(unanswered);
    unanswered.fail(
      this.unavailable ?? unreachable(connection.problem ?? 'it closed the connection'),
    );
  }

  #dispatch(exchange: UpstreamExchange): void {
    const connection = this.#idle.pop();
    // One that waits for a connection, or for one to open, may outlive the next that it gets.
    const guard = connection?.guard ?? new ExchangeGuard();
    guard.take(exchange, this.#firstBytes);
    if (connection !== undefined) connection.carry(exchange);
    else if (this.#connections.size < this.#options.connectionsMax) this.#open(exchange);
    else this.#waiting.push(exchange);
  }

  /** Those that are used are taken from the end, so that the first has been idle longest. */
  #closeIdle(): void {
    this.#idleTimer = undefined;
    const nowMs = this.clock.nowMs();
    const isKept = ({ idleSinceMs }: UpstreamConnection): boolean =>
      nowMs < idleSinceMs + idleMsMax;
    const firstKept = this.#idle.findIndex(isKept);
    const closed = this.#idle.splice(0, firstKept === -1 ? this.#idle.length : firstKept);
    for (const connection of closed) connection.destroy();
    const [first] = this.#idle;
    if (first === undefined) return;
    const leftMs = Math.max(1, first.idleSinceMs + idleMsMax - nowMs);
    this.#idleTimer = this.clock.after(leftMs, () => this.#closeIdle());
  }

  #nextWaiting(): UpstreamExchange | undefined {
    while (this.#waiting.length > 0) {
      const next = this.#waiting.shift();
      if (next?.isOver === false) return next;
    }
    return undefined;
  }

  #open(exchange: UpstreamExchange): void {
    const connection = new UpstreamConnection(this.#currentAddress(), this);
    this.#connections.add(connection);
    this.#connecting.set(connection.connectDeadline);
    connection.carry(exchange);
  }

  /** An engine that was started again may listen elsewhere: connections to where it was are of no use. */
  #currentAddress(): BackendAddress {
    const address = this.#options.address();
    if (this.#address !== undefined && isDeepStrictEqual(address, this.#address))
      return this.#address;
    for (const connection of this.#idle.splice(0)) connection.destroy();
    this.#address = address;
    return address;
  }
}

function unreachable(reason: string): ApiError {
  return apiError('backend_failed', `The engine did not answer: ${reason}.`, {
    retryAfterMs: 1000,
  });
}
