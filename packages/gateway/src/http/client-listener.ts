import { createServer, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '@millrace/stdx';
import { SharedHeads } from '../http1/known-head.ts';
import { adoptSocket } from '../net/adopt-socket.ts';
import { DeadlineQueue } from '../net/deadlines.ts';
import { SharedOutput } from '../net/socket-writer.ts';
import type { GatewayBounds } from '../options.ts';
import type { BodyRoom } from './body-room.ts';
import { ClientConnection, type ClientSide } from './client-connection.ts';
import type { Pipeline } from './pipeline.ts';

const readBytes = 64 * 1024;
/** How long an answered connection may take to end. */
const closingMsMax = 2000;

/** Speaks HTTP/1.1 with clients, on the connections that it is given. */
export class ClientListener implements ClientSide, Disposable {
  readonly handler: Pipeline;
  readonly bounds: GatewayBounds;
  readonly output: SharedOutput = new SharedOutput();
  readonly knownHeads: SharedHeads = new SharedHeads();
  readonly room: BodyRoom;
  readonly idling: DeadlineQueue;
  readonly heads: DeadlineQueue;
  readonly requests: DeadlineQueue;
  readonly answers: DeadlineQueue;
  readonly closings: DeadlineQueue;
  readonly #clock: Clock;
  readonly #readBuffer = Buffer.allocUnsafeSlow(readBytes);
  readonly #connections = new Set<ClientConnection>();
  #dateLine = Buffer.alloc(0);
  /** Set while the date is that of the current second. */
  #dateTimer: Timer | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(path: Pipeline, clock: Clock) {
    const { bounds } = path;
    this.handler = path;
    this.bounds = bounds;
    this.room = path.room;
    this.#clock = clock;
    this.idling = new DeadlineQueue(clock, bounds.idleMsMax);
    this.heads = new DeadlineQueue(clock, bounds.headMsMax);
    this.requests = new DeadlineQueue(clock, bounds.requestMsMax);
    this.answers = new DeadlineQueue(clock, bounds.answerMsMax);
    this.closings = new DeadlineQueue(clock, closingMsMax);
  }

  /** A server that gives its connections to this; TCP, or a Unix socket. */
  createServer(): Server {
    return createServer({ pauseOnConnect: true }, (socket) => this.accept(socket));
  }

  /** Takes a connection, plain or over TLS; one too many is closed. */
  accept(accepted: Socket): void {
    if (this.#connections.size >= this.bounds.connectionsMax) {
      accepted.destroy();
      return;
    }
    const socket = adoptSocket(accepted, this.#readBuffer, (bytes, length) => {
      const isHolder = this.#clock.hold();
      try {
        connection.take(bytes, length);
      } finally {
        if (isHolder) this.#clock.release();
      }
    });
    const connection = new ClientConnection(socket, this);
    this.#connections.add(connection);
  }

  get isDraining(): boolean {
    return this.handler.isDraining;
  }

  get dateLine(): Buffer {
    if (this.#dateTimer !== undefined) return this.#dateLine;
    const nowMs = this.#clock.unixMs();
    this.#dateTimer = this.#clock.after(1000 - (nowMs % 1000), () => (this.#dateTimer = undefined));
    // The time is the clock's own; it is only written out here.
    // oxlint-disable-next-line no-restricted-globals
    this.#dateLine = Buffer.from(`date: ${new Date(nowMs).toUTCString()}\r\n`);
    return this.#dateLine;
  }

  noteClosed(connection: ClientConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** Ends idle connections at once, others behind their answers, and cuts what is left at the limit. */
  async drain(drainMsMax: number): Promise<void> {
    if (this.#connections.size === 0) return;
    for (const connection of [...this.#connections]) connection.drain();
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      if (this.#connections.size === 0) resolve();
      timer = this.#clock.after(drainMsMax, () => {
        for (const connection of [...this.#connections]) connection.destroy();
      });
    });
    timer?.cancel();
  }

  [Symbol.dispose](): void {
    this.#dateTimer?.cancel();
    for (const queue of [this.idling, this.heads, this.requests, this.answers, this.closings])
      queue[Symbol.dispose]();
  }
}
