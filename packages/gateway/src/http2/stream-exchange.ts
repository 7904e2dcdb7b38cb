import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import {
  type ApiError,
  bodyTooLarge,
  errorBody,
  errorHeaders,
  requestTimeout,
} from '@millrace/openai';
import {
  type Admission,
  type AnswerHead,
  neverPaused,
  type RequestHandler,
  type RequestHead,
  type Responder,
  type Resumable,
} from '../http/exchange.ts';
import type { BodyRoom } from '../http/body-room.ts';
import { noRoom } from '../http/refused-request.ts';
import { GatewayError } from '../errors.ts';
import type { BodyEnd, BodySink } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { Deadline, type DeadlineQueue } from '../net/deadlines.ts';
import type { GatewayBounds } from '../options.ts';
import { readHead } from './request-head.ts';

/** What all streams of a listener share. */
export interface StreamSide {
  readonly handler: RequestHandler;
  readonly bounds: GatewayBounds;
  readonly room: BodyRoom;
  readonly requests: DeadlineQueue;
  readonly answers: DeadlineQueue;
  /** How long a client may take for what is left of an answer when all of it has been written. */
  readonly endings: DeadlineQueue;
}

const clientClosedStatus = 499;

/** One request over HTTP/2, and the way back to its client. */
export class StreamExchange implements Responder, BodySink {
  readonly #stream: ServerHttp2Stream;
  readonly #side: StreamSide;
  readonly #cancellation = new Cancellation();
  readonly #deadline = new Deadline(() => this.#noteDue());
  readonly #ending = new Deadline(() => this.#stream.destroy());
  readonly #pieces: Buffer[] = [];
  #byteCount = 0;
  #admission: Admission | undefined;
  #state: 'head' | 'body' | 'answering' | 'over' = 'head';
  #source: Resumable | undefined;

  constructor(stream: ServerHttp2Stream, side: StreamSide) {
    this.#stream = stream;
    this.#side = side;
    // Whatever goes wrong with a stream closes it, which is where it is dealt with.
    stream.on('error', () => undefined);
    stream.once('close', () => this.#noteClosed());
    stream.on('drain', () => this.#source?.resume());
  }

  /** Takes the head, and the body as it comes. */
  start(raw: readonly string[]): void {
    const head = readHead(raw, this.#side.bounds);
    if ('code' in head) return this.#refuse(head);
    const admission = this.#side.handler.admit(head);
    this.#admission = admission;
    if (admission.refusal !== undefined) return this.#refuse(admission.refusal);
    const { bodyBytesMax } = this.#side.bounds;
    if (declaredBytes(raw) > bodyBytesMax) return this.#refuse(bodyTooLarge(bodyBytesMax));
    this.#state = 'body';
    this.#side.requests.set(this.#deadline);
    this.#stream.on('data', (piece: Buffer) => this.#take(piece));
    this.#stream.once('end', () => this.#takeEnd(head, admission));
  }

  answer(head: AnswerHead, body: Buffer): void {
    const sink = this.begin(head, neverPaused);
    if (body.length > 0) sink.write(body);
    sink.end('whole');
  }

  begin(head: AnswerHead, source: Resumable): BodySink {
    this.#source = source;
    if (this.#isGone) return this;
    // Node itself ends the stream here where there is no body to come: to a HEAD, and by 204 and 304.
    this.#stream.respond(fieldsOf(head));
    return this;
  }

  write(piece: Buffer): void {
    if (this.#isGone || this.#stream.writableEnded) return;
    if (this.#stream.writableCorked === 0) this.#stream.cork();
    // The bytes are the sender's own, and leave later than this returns.
    this.#stream.write(Buffer.from(piece));
  }

  flush(): boolean {
    while (this.#stream.writableCorked > 0) this.#stream.uncork();
    return this.#isGone || !this.#stream.writableNeedDrain;
  }

  end(end: BodyEnd): void {
    this.#state = 'over';
    this.#deadline.cancel();
    this.#freeRoom();
    this.flush();
    if (this.#isGone) return;
    if (end !== 'whole') {
      // A reset alone would follow the end of the stream, and a part be taken for the whole: only an error comes before it.
      this.#stream.destroy(new GatewayError('the answer was cut', { code: 'GATEWAY_ANSWER_CUT' }));
      return;
    }
    // A client that opens no window for the rest would keep it in memory for ever.
    this.#side.endings.set(this.#ending);
    this.#stream.end();
  }

  get #isGone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  get #requestMsMax(): number {
    return this.#side.bounds.requestMsMax;
  }

  #noteDue(): void {
    if (this.#state === 'answering') this.#cancellation.cancel('deadline');
    else this.#refuse(requestTimeout(this.#requestMsMax));
  }

  #take(piece: Buffer): void {
    if (this.#state !== 'body') return;
    const { bodyBytesMax, bodiesBytesMax } = this.#side.bounds;
    const byteCount = this.#byteCount + piece.length;
    if (byteCount > bodyBytesMax) return this.#refuse(bodyTooLarge(bodyBytesMax));
    if (!this.#side.room.take(piece.length)) return this.#refuse(noRoom(bodiesBytesMax));
    this.#byteCount = byteCount;
    this.#pieces.push(piece);
  }

  #takeEnd(head: RequestHead, admission: Admission): void {
    if (this.#state !== 'body') return;
    this.#side.answers.set(this.#deadline);
    this.#state = 'answering';
    const [first = Buffer.alloc(0)] = this.#pieces;
    const body = this.#pieces.length > 1 ? Buffer.concat(this.#pieces) : first;
    this.#pieces.length = 0;
    this.#side.handler.answer({
      ...head,
      body,
      admission,
      cancellation: this.#cancellation,
      responder: this,
    });
  }

  /** Answers what is not taken, and asks for no more of it (RFC 9113, 8.1). */
  #refuse(error: ApiError): void {
    this.#deadline.cancel();
    this.#pieces.length = 0;
    this.#freeRoom();
    this.#side.handler.noteRefused(error.status, this.#admission);
    const body = Buffer.from(errorBody(error));
    const headers = HeaderBlock.of({ ...errorHeaders(error), 'content-type': 'application/json' });
    const requestId = this.#admission?.requestId ?? '';
    this.answer({ status: error.status, headers, requestId, byteLength: body.length }, body);
    this.#stream.once('finish', () => this.#stream.close(constants.NGHTTP2_NO_ERROR));
  }

  #noteClosed(): void {
    this.#deadline.cancel();
    this.#ending.cancel();
    if (this.#state === 'head' || this.#state === 'body')
      this.#side.handler.noteRefused(clientClosedStatus, this.#admission);
    this.#state = 'over';
    this.#freeRoom();
    this.#cancellation.cancel('client-gone');
  }

  #freeRoom(): void {
    this.#side.room.free(this.#byteCount);
    this.#byteCount = 0;
  }
}

function declaredBytes(raw: readonly string[]): number {
  const at = raw.indexOf('content-length');
  return at === -1 ? 0 : Number(raw[at + 1]);
}

function fieldsOf({ status, headers, requestId, byteLength }: AnswerHead): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    const known = fields[name];
    fields[name] = known === undefined ? value : [known, value].flat();
  }
  return {
    ...fields,
    ':status': status,
    ...(requestId !== '' && { 'x-request-id': requestId }),
    ...(byteLength !== undefined && status !== 204 && { 'content-length': String(byteLength) }),
  };
}
