import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { assertDefined, type Clock, messageOf } from '@millrace/stdx';
import { ChunkedDecoder } from '../http1/chunked-decoder.ts';
import type { SharedHeads } from '../http1/known-head.ts';
import { ResponseParser } from '../http1/response-parser.ts';
import { contentLengthName } from '../messages/field-name.ts';
import { Deadline } from '../net/deadlines.ts';
import { HeadReader } from '../net/head-reader.ts';
import type { MemoryViews } from '../net/memory-views.ts';
import { type SharedOutput, SocketWriter } from '../net/socket-writer.ts';
import type { BackendAddress } from './backend-address.ts';
import type { RequestStarts } from './request-starts.ts';
import {
  type ExchangeCarrier,
  ExchangeGuard,
  garbled,
  type UpstreamExchange,
} from './upstream-exchange.ts';

const keyHeader = ['authorization'];
/** An answer's head may have so many headers and bytes. */
const headBounds = { fieldsMax: 128, fieldBytesMax: 64 * 1024 };

/** What a connection tells the pool it belongs to. */
export interface ConnectionOwner {
  readonly clock: Clock;
  readonly reads: MemoryViews;
  readonly output: SharedOutput;
  readonly knownHeads: SharedHeads;
  /** Value of the header `authorization` that is sent in place of a request's own. */
  readonly authorization: string | undefined;
  readonly starts: RequestStarts;
  /** Certificates that an engine's own must be signed by, in PEM; undefined: those of the system. */
  readonly certificates: string | undefined;
  tlsSession: Buffer | undefined;
  noteConnected(connection: UpstreamConnection): void;
  /** It may carry another exchange. */
  noteIdle(connection: UpstreamConnection): void;
  /** It is gone; `exchange` is the one that it carried, without a byte of an answer. */
  noteClosed(connection: UpstreamConnection, unanswered: UpstreamExchange | undefined): void;
}

/** A connection to an engine: one exchange at a time. */
export class UpstreamConnection implements ExchangeCarrier {
  readonly address: BackendAddress;
  readonly connectDeadline: Deadline;
  /** Since when it is in the pool. */
  idleSinceMs = 0;
  /** Of the exchanges that it carries when it is taken out of the pool. */
  readonly guard: ExchangeGuard = new ExchangeGuard();
  /** It has carried an exchange before the one that it carries. */
  isReused = false;
  isConnected = false;
  /** Why it broke; undefined where it was closed. */
  problem: string | undefined;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #writer: SocketWriter;
  readonly #head: HeadReader<ResponseParser>;
  readonly #decoder = new ChunkedDecoder();
  #exchange: UpstreamExchange | undefined;
  #hasAnswerBegun = false;
  #isEnded = false;

  constructor(address: BackendAddress, owner: ConnectionOwner) {
    this.address = address;
    this.#owner = owner;
    this.#head = new HeadReader(new ResponseParser(headBounds), owner.knownHeads);
    this.connectDeadline = new Deadline(() => this.#giveUp('it took too long to connect'));
    this.#socket = openSocket(address, owner, (length) => this.#read(length));
    this.#writer = new SocketWriter(this.#socket, owner.output);
    this.#listen();
  }

  /** Sends a request and waits for its answer. */
  carry(exchange: UpstreamExchange): void {
    this.#exchange = exchange;
    this.#hasAnswerBegun = false;
    this.#head.reset();
    exchange.carrier = this;
    this.#send(exchange);
  }

  release(isReusable: boolean): void {
    this.#exchange = undefined;
    this.isReused = true;
    const isSent = this.#socket.writableLength === 0;
    if (!isReusable || !isSent || this.#isEnded || this.#socket.destroyed) return this.destroy();
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#owner.noteIdle(this);
  }

  viewOf(bytes: Buffer, start: number, end: number): Buffer {
    const { reads } = this.#owner;
    return bytes === reads.memory ? reads.of(start, end) : bytes.subarray(start, end);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    const connected = this.address.kind === 'tls' ? 'secureConnect' : 'connect';
    socket.once(connected, () => {
      this.isConnected = true;
      this.#owner.noteConnected(this);
    });
    if (this.address.kind === 'tls')
      socket.on('session', (session: Buffer) => (this.#owner.tlsSession = session));
    socket.once('end', () => this.#noteEnd());
    socket.on('error', (error) => (this.problem ??= messageOf(error)));
    socket.once('close', () => this.#noteClosed());
  }

  #send({ request }: UpstreamExchange): void {
    const { method, target, headers, body } = assertDefined(request, 'it is not answered yet');
    const writer = this.#writer;
    const isKeyReplaced = this.#owner.authorization !== undefined;
    const fields = isKeyReplaced ? headers.without(keyHeader) : headers;
    const isBodyless = body.length === 0 && /^(?:GET|HEAD|DELETE|OPTIONS)$/.test(method);
    writer.bytes(this.#owner.starts.of(this.address, method, target));
    fields.writeTo(writer);
    if (!isBodyless) writer.line(contentLengthName.start, String(body.length));
    writer.text('\r\n');
    if (body.length > 0) writer.ownedBytes(body);
    writer.flush();
  }

  #read(length: number): boolean {
    const exchange = this.#exchange;
    // Nobody asked for what comes now: it could be taken for the answer to the next request.
    if (exchange === undefined) {
      this.destroy();
      return false;
    }
    const { reads, clock } = this.#owner;
    const isHolder = clock.hold();
    try {
      if (exchange.isAnswered) exchange.take(reads.memory, 0, length);
      else this.#readHead(exchange, reads.memory, length);
    } finally {
      if (isHolder) clock.release();
    }
    return true;
  }

  #readHead(exchange: UpstreamExchange, bytes: Buffer, length: number): void {
    const head = this.#head;
    this.#hasAnswerBegun = true;
    let progress = head.take(bytes, 0, length);
    while (progress === 'done' && head.parser.status < 200) {
      // What comes before the answer is for this connection: the gateway waits for no 100.
      const [rest, start, end] = [head.bytes, head.bodyStart, head.end];
      head.reset();
      progress = head.take(rest, start, end);
    }
    if (progress === 'more') return;
    if (progress === 'done') return exchange.begin(head, this.#decoder);
    this.problem = 'its answer cannot be read';
    exchange.fail(garbled(head.parser));
    this.destroy();
  }

  #noteEnd(): void {
    this.#isEnded = true;
    const exchange = this.#exchange;
    if (exchange?.isAnswered === true) {
      this.#exchange = undefined;
      exchange.lose(true);
    }
    this.destroy();
  }

  #noteClosed(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.connectDeadline.cancel();
    const isUnanswered = exchange?.isAnswered === false;
    if (exchange !== undefined && !isUnanswered) exchange.lose(false);
    this.#owner.noteClosed(this, isUnanswered ? exchange : undefined);
  }

  /** Whether the exchange that it carried was never taken: it was used before, and closed before a byte of the answer. */
  get wasStale(): boolean {
    return this.isReused && !this.#hasAnswerBegun;
  }

  #giveUp(problem: string): void {
    this.problem = problem;
    this.destroy();
  }
}

function openSocket(
  address: BackendAddress,
  owner: ConnectionOwner,
  read: (length: number) => boolean,
): Socket {
  const onread = { buffer: owner.reads.memory, callback: read };
  if (address.kind === 'socket') return connectPlain({ path: address.path, onread });
  const { host, port } = address;
  if (address.kind === 'tcp') return connectPlain({ host, port, onread });
  return connectTls({
    host,
    port,
    // What Node takes here, its types leave out.
    ...({ onread } as object),
    ALPNProtocols: ['http/1.1'],
    ...(isIP(host) === 0 && { servername: host }),
    ...(owner.tlsSession !== undefined && { session: owner.tlsSession }),
    ...(owner.certificates !== undefined && { ca: owner.certificates }),
  });
}
