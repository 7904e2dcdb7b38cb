import type { Socket } from 'node:net';
import { apiError, type ApiError, requestTimeout } from '@millrace/openai';
import { errorBodyFor, errorHeadersFor } from '../apis/api-errors.ts';
import { ChunkedDecoder } from '../http1/chunked-decoder.ts';
import type { SharedHeads } from '../http1/known-head.ts';
import { RequestParser } from '../http1/request-parser.ts';
import type { BodySink } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { Deadline, type DeadlineQueue } from '../net/deadlines.ts';
import { HeadReader } from '../net/head-reader.ts';
import { type SharedOutput, SocketWriter } from '../net/socket-writer.ts';
import type { GatewayBounds } from '../options.ts';
import { type AnswerSettings, AnswerWriter } from './answer-writer.ts';
import type { BodyRoom } from './body-room.ts';
import {
  type Admission,
  type AnswerHead,
  type Exchange,
  neverPaused,
  type RequestHandler,
  type Responder,
  type Resumable,
} from './exchange.ts';
import { refusedRequest } from './refused-request.ts';
import { RequestBody } from './request-body.ts';

/** What all connections of a listener share. */
export interface ClientSide {
  readonly handler: RequestHandler;
  readonly bounds: GatewayBounds;
  readonly output: SharedOutput;
  readonly knownHeads: SharedHeads;
  readonly room: BodyRoom;
  readonly isDraining: boolean;
  /** A line `date: …`, for answers that bring none. */
  readonly dateLine: Buffer;
  readonly idling: DeadlineQueue;
  readonly heads: DeadlineQueue;
  readonly requests: DeadlineQueue;
  readonly answers: DeadlineQueue;
  readonly closings: DeadlineQueue;
  noteClosed(connection: ClientConnection): void;
}

/** A client may send so much of its next requests while one is answered. */
const aheadBytesMax = 64 * 1024;
const noBytes = Buffer.alloc(0);

type State = 'idle' | 'head' | 'body' | 'answering' | 'closing';

/** A client's connection: requests are answered one after another, in their order. */
export class ClientConnection implements Responder, AnswerSettings {
  readonly #socket: Socket;
  readonly #side: ClientSide;
  readonly #head: HeadReader<RequestParser>;
  readonly #body: RequestBody;
  readonly #writer: SocketWriter;
  readonly #answer: AnswerWriter;
  readonly #deadline = new Deadline(() => this.#noteDue());
  #state: State = 'idle';
  #isRunning = false;
  /** What came of further requests while one was answered. */
  #ahead = noBytes;
  #method = 'GET';
  #target = '/';
  #headers = HeaderBlock.empty;
  #admission: Admission | undefined;
  #cancellation: Cancellation | undefined;
  #source: Resumable | undefined;

  constructor(socket: Socket, side: ClientSide) {
    const { targetBytesMax, headerBytesMax, headersMax, bodyBytesMax } = side.bounds;
    const bounds = { targetBytesMax, fieldBytesMax: headerBytesMax, fieldsMax: headersMax };
    this.#socket = socket;
    this.#side = side;
    this.#head = new HeadReader(new RequestParser(bounds), side.knownHeads);
    this.#body = new RequestBody(new ChunkedDecoder(), {
      bytesMax: bodyBytesMax,
      room: side.room,
    });
    this.#writer = new SocketWriter(socket, side.output);
    this.#answer = new AnswerWriter(this.#writer, () => this.#noteAnswered());
    side.idling.set(this.#deadline);
    socket.setNoDelay(true);
    socket.on('drain', () => this.#source?.resume());
    // A half-closed connection is taken for a closed one: whoever has gone looks the same.
    socket.on('end', () => this.#noteGone());
    socket.on('error', () => this.#noteGone());
    socket.on('close', () => this.#noteClosed());
  }

  get isAnswering(): boolean {
    return this.#state === 'answering';
  }

  /** Takes what came; the bytes are the caller's and hold only until this returns. */
  take(bytes: Buffer, length: number): void {
    if (this.#state === 'closing') return;
    if (this.#state !== 'answering') {
      this.#consume(bytes, 0, length);
      this.#run();
      return;
    }
    this.#ahead = Buffer.concat([this.#ahead, bytes.subarray(0, length)]);
    if (this.#ahead.length >= aheadBytesMax) this.#socket.pause();
  }

  /** Ends a connection that waits for a request; one that is answering ends behind its answer. */
  drain(): void {
    if (this.#state === 'idle') this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  answer(head: AnswerHead, body: Buffer): void {
    const sink = this.begin(head, neverPaused);
    if (body.length > 0) sink.write(body);
    sink.end('whole');
  }

  begin(head: AnswerHead, source: Resumable): BodySink {
    this.#source = source;
    return this.#answer.begin(head, this);
  }

  get dateLine(): Buffer {
    return this.#side.dateLine;
  }

  get isKeptAlive(): boolean {
    const { parser } = this.#head;
    return parser.isKeptAlive && !this.#side.isDraining && this.#state === 'answering';
  }

  get isHead(): boolean {
    return this.#method === 'HEAD';
  }

  get isHttp10(): boolean {
    return this.#head.parser.isHttp10;
  }

  /** Requests that came behind one another are answered without going deeper each time. */
  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#ahead.length > 0 && this.#state === 'idle') {
      const bytes = this.#ahead;
      this.#ahead = noBytes;
      if (this.#socket.isPaused()) this.#socket.resume();
      this.#consume(bytes, 0, bytes.length);
    }
    this.#isRunning = false;
  }

  #consume(bytes: Buffer, start: number, end: number): void {
    if (this.#state === 'body') return this.#takeBody(bytes, start, end);
    const progress = this.#head.take(bytes, start, end);
    if (progress === 'done') return this.#takeHead();
    if (progress === 'more') {
      // From its first byte on a head has so much time, however it trickles in.
      if (this.#state === 'idle') this.#side.heads.set(this.#deadline);
      this.#state = 'head';
      return;
    }
    const reason = this.#head.parser.refusal ?? 'method-invalid';
    this.#refuse(refusedRequest(reason, this.#side.bounds));
  }

  #takeHead(): void {
    const { bytes, base, bodyStart, end, parser } = this.#head;
    const { bounds, handler, requests } = this.#side;
    this.#method = parser.method;
    const { targetStart, targetEnd } = parser;
    if (!this.#head.isKnown)
      this.#target = bytes.toString('latin1', base + targetStart, base + targetEnd);
    this.#headers = this.#head.headers();
    const head = { method: this.#method, target: this.#target, headers: this.#headers };
    this.#state = 'body';
    const admission = handler.admit(head);
    this.#admission = admission;
    if (admission.refusal !== undefined) return this.#refuse(admission.refusal);
    if (!this.#body.begin(parser.framing))
      return this.#refuse(refusedRequest('body-too-large', bounds));
    if (end === bodyStart && parser.framing.expectsContinue && !this.#body.isEmpty) {
      this.#writer.text('HTTP/1.1 100 Continue\r\n\r\n');
      this.#writer.flush();
    }
    this.#takeBody(bytes, bodyStart, end);
    if (this.#state === 'body') requests.set(this.#deadline);
  }

  #takeBody(bytes: Buffer, start: number, end: number): void {
    const step = this.#body.take(bytes, start, end);
    if (step === 'more') return;
    if (step === 'refused')
      return this.#refuse(
        refusedRequest(this.#body.refusal ?? 'chunk-size-invalid', this.#side.bounds),
      );
    const { restStart } = this.#body;
    if (restStart < end) this.#ahead = Buffer.from(bytes.subarray(restStart, end));
    this.#side.answers.set(this.#deadline);
    this.#state = 'answering';
    const cancellation = new Cancellation();
    this.#cancellation = cancellation;
    const exchange: Exchange = {
      method: this.#method,
      target: this.#target,
      headers: this.#headers,
      body: this.#body.release(),
      admission: this.#admission as Admission,
      cancellation,
      responder: this,
    };
    this.#headers = HeaderBlock.empty;
    this.#side.handler.answer(exchange);
  }

  #noteAnswered(): void {
    this.#source = undefined;
    // Of a request that was given up somebody may still have the body.
    const isDone = !this.#answer.isBroken && this.#cancellation?.reason === undefined;
    if (isDone) this.#body.finish();
    else this.#body.free();
    this.#cancellation = undefined;
    this.#admission = undefined;
    if (this.#socket.destroyed) return;
    if (this.#answer.isBroken) return this.destroy();
    if (this.#answer.isLast) return this.#close();
    this.#head.reset();
    this.#state = 'idle';
    this.#side.idling.set(this.#deadline);
    this.#run();
  }

  /** Answers what cannot be answered otherwise, and ends the connection: where its next request begins is not known. */
  #refuse(error: ApiError): void {
    this.#side.handler.noteRefused(error.status, this.#admission);
    this.#body.free();
    const admission = this.#admission;
    if (this.#state === 'idle' || this.#state === 'head') this.#method = 'GET';
    this.#state = 'body';
    const requestId = admission?.requestId ?? '';
    const target = admission === undefined ? '/' : this.#target;
    const headers = HeaderBlock.of({
      ...errorHeadersFor(target, error, requestId),
      'content-type': 'application/json',
    });
    const body = Buffer.from(errorBodyFor(target, error, requestId === '' ? null : requestId));
    this.answer({ status: error.status, headers, requestId, byteLength: body.length }, body);
  }

  /** Ends behind what was written. What the client still sends is read and dropped, lest it miss the answer. */
  #close(): void {
    this.#state = 'closing';
    this.#ahead = noBytes;
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#side.closings.set(this.#deadline);
    this.#socket.end();
  }

  #noteDue(): void {
    const { requestMsMax, headMsMax } = this.#side.bounds;
    if (this.#state === 'head') this.#refuse(requestTimeout(headMsMax));
    else if (this.#state === 'body') this.#refuse(requestTimeout(requestMsMax));
    else if (this.#state === 'answering') this.#cancellation?.cancel('deadline');
    else this.destroy();
  }

  #noteGone(): void {
    if (this.#state !== 'closing') this.#socket.destroy();
    this.#cancel();
  }

  #noteClosed(): void {
    this.#deadline.cancel();
    this.#body.free();
    this.#cancel();
    if (this.#state === 'body' || this.#state === 'head') {
      if (this.#admission !== undefined)
        this.#side.handler.noteRefused(clientClosed.status, this.#admission);
    }
    this.#side.noteClosed(this);
  }

  #cancel(): void {
    const cancellation = this.#cancellation;
    this.#cancellation = undefined;
    cancellation?.cancel('client-gone');
  }
}

const clientClosed = apiError('client_closed_request', 'The client has gone.');
