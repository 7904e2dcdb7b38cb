import { performServerHandshake, type ServerHttp2Session, type ServerOptions } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '@millrace/stdx';
import type { BodyRoom } from '../http/body-room.ts';
import type { Pipeline } from '../http/pipeline.ts';
import { DeadlineQueue } from '../net/deadlines.ts';
import type { GatewayBounds } from '../options.ts';
import { StreamExchange, type StreamSide } from './stream-exchange.ts';

/** Streams that a client may reset at once, and a second: beyond that its connection ends (CVE-2023-44487). */
const resetsAtOnce = 200;
const resetsPerSecond = 50;
/** Frames of a connection that are wrong, and streams that are refused, before it ends. */
const invalidFramesMax = 100;
const rejectedStreamsMax = 100;
/** Memory of one connection, in MB: beyond that new streams are refused. */
const sessionMegabytesMax = 10;
/** What a client may send ahead on one stream. */
const windowBytes = 256 * 1024;

/** Speaks HTTP/2 with clients, on the connections that it is given. */
export class Http2Listener implements StreamSide, Disposable {
  readonly handler: Pipeline;
  readonly bounds: GatewayBounds;
  readonly room: BodyRoom;
  readonly requests: DeadlineQueue;
  readonly answers: DeadlineQueue;
  readonly endings: DeadlineQueue;
  readonly #clock: Clock;
  readonly #settings: ServerOptions;
  /** Each connection with the number of its streams. */
  readonly #streamCounts = new Map<ServerHttp2Session, number>();
  #onEmpty: (() => void) | undefined;

  constructor(path: Pipeline, clock: Clock) {
    this.handler = path;
    this.bounds = path.bounds;
    this.room = path.room;
    this.#clock = clock;
    this.requests = new DeadlineQueue(clock, path.bounds.requestMsMax);
    this.answers = new DeadlineQueue(clock, path.bounds.answerMsMax);
    this.endings = new DeadlineQueue(clock, path.bounds.pieceMsMax);
    this.#settings = settingsOf(path.bounds);
  }

  /** Takes a connection that has agreed on HTTP/2; one too many is closed. */
  accept(socket: TLSSocket): void {
    if (this.#streamCounts.size >= this.bounds.connectionsMax || this.handler.isDraining) {
      socket.destroy();
      return;
    }
    const session = performServerHandshake(socket, this.#settings);
    this.#streamCounts.set(session, 0);
    session.on('stream', (stream, ...[, , raw]) => {
      this.#count(session, 1);
      stream.once('close', () => this.#count(session, -1));
      new StreamExchange(stream, this).start(raw);
    });
    // Whatever goes wrong with a connection closes it, and with it its streams.
    session.on('error', () => undefined);
    session.once('close', () => this.#noteClosed(session));
    // Streams have bounds of their own: a connection is idle when it has none.
    session.setTimeout(this.bounds.idleMsMax, () => {
      if (this.#streamCounts.get(session) === 0) session.close();
    });
  }

  /** Ends each connection behind its running streams, and cuts what is left at the limit. */
  async drain(drainMsMax: number): Promise<void> {
    if (this.#streamCounts.size === 0) return;
    for (const session of this.#streamCounts.keys()) session.close();
    const empty = new Promise<void>((resolve) => (this.#onEmpty = resolve));
    using _timer = this.#clock.after(drainMsMax, () => {
      for (const session of this.#streamCounts.keys()) session.destroy();
    });
    await empty;
  }

  #count(session: ServerHttp2Session, by: number): void {
    const count = this.#streamCounts.get(session);
    if (count !== undefined) this.#streamCounts.set(session, count + by);
  }

  #noteClosed(session: ServerHttp2Session): void {
    this.#streamCounts.delete(session);
    if (this.#streamCounts.size === 0) this.#onEmpty?.();
  }

  [Symbol.dispose](): void {
    for (const queue of [this.requests, this.answers, this.endings]) queue[Symbol.dispose]();
  }
}

function settingsOf(bounds: GatewayBounds): ServerOptions {
  return {
    settings: {
      maxConcurrentStreams: bounds.streamsMax,
      maxHeaderListSize: bounds.headerBytesMax,
      initialWindowSize: windowBytes,
      enablePush: false,
    },
    // The four that begin with a colon come on top.
    maxHeaderListPairs: bounds.headersMax + 4,
    maxSessionMemory: sessionMegabytesMax,
    maxSessionInvalidFrames: invalidFramesMax,
    maxSessionRejectedStreams: rejectedStreamsMax,
    streamResetBurst: resetsAtOnce,
    streamResetRate: resetsPerSecond,
  };
}
