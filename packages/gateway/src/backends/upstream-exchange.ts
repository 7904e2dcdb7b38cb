import { apiError, type ApiError } from '@millrace/openai';
import type { ChunkedDecoder } from '../http1/chunked-decoder.ts';
import { refusalText } from '../http1/refusal.ts';
import type { AnswerFraming, ResponseParser } from '../http1/response-parser.ts';
import type { BodyEnd, BodySink, BodySource } from '../messages/body.ts';
import type { Cancellation } from '../messages/cancellation.ts';
import { Deadline, type DeadlineQueue } from '../net/deadlines.ts';
import type { HeadReader } from '../net/head-reader.ts';
import { type BackendRequest, type TakeAnswer, takenAlready } from './backend.ts';

/** The connection that an exchange uses, as the exchange sees it. */
export interface ExchangeCarrier {
  /** The answer is whole: another exchange may use the connection, or it ends. */
  release(isReusable: boolean): void;
  /** A view of what was read, which holds until the next read. */
  viewOf(bytes: Buffer, start: number, end: number): Buffer;
  pause(): void;
  resume(): void;
  destroy(): void;
}

/**
 * What may end an exchange early: the time within which its answer must begin, and a client that leaves. A connection has
 * one for all exchanges that it carries one after another.
 */
export class ExchangeGuard {
  readonly deadline: Deadline = new Deadline(() =>
    this.#exchange?.noteLate(this.deadline.lengthMs),
  );
  readonly #cancel = (): void => this.#exchange?.abandon();
  #exchange: UpstreamExchange | undefined;

  /** Guards an exchange that is to be answered in this time. */
  take(exchange: UpstreamExchange, firstBytes: DeadlineQueue): void {
    this.#exchange = exchange;
    exchange.guard = this;
    exchange.cancellation.subscribe(this.#cancel);
    firstBytes.set(this.deadline);
  }

  /** The exchange is over. */
  release({ cancellation }: UpstreamExchange): void {
    this.deadline.cancel();
    cancellation.unsubscribe(this.#cancel);
    this.#exchange = undefined;
  }
}

/** One request and its answer. It is the body of the answer, too. */
export class UpstreamExchange implements BodySource {
  readonly cancellation: Cancellation;
  /** What is sent; undefined once the answer has begun, as nobody sends it again. */
  request: BackendRequest | undefined;
  byteLength: number | undefined;
  /** Set while a connection carries it. */
  carrier: ExchangeCarrier | undefined;
  guard: ExchangeGuard | undefined;
  #settle: TakeAnswer;
  #isAnswered = false;
  /** The connection may be used again behind the answer. */
  #isKeptAlive = false;
  #framing: AnswerFraming = 'none';
  #remaining = 0;
  #decoder: ChunkedDecoder | undefined;
  #sink: BodySink | undefined;
  /** What came before somebody took the body. */
  #retained: Buffer[] | undefined;
  #isPaused = false;
  /** The answer is being taken: what came of its body with the head follows at once. */
  #isBeginning = false;
  #end: BodyEnd | undefined;
  #firstListener: ((end: BodyEnd) => void) | undefined;
  #otherListeners: ((end: BodyEnd) => void)[] | undefined;

  constructor(request: BackendRequest, settle: TakeAnswer) {
    this.cancellation = request.cancellation;
    this.request = request;
    this.#settle = settle;
  }

  /** Whether nobody waits for it any more. */
  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** Whether the head of the answer has come. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** It ended before its answer began. */
  fail(error: ApiError): void {
    if (this.#isAnswered || this.isOver) return;
    this.#close('died');
    this.#settle({ kind: 'failed', error });
  }

  /** The connection is gone. `isClean`: it was closed, not broken off. */
  lose(isClean: boolean): void {
    this.carrier = undefined;
    if (this.#framing === 'until-close' && isClean) this.#finish('whole');
    else this.#finish('died');
  }

  /** The head has come; what follows it is taken as body. */
  begin(head: HeadReader<ResponseParser>, decoder: ChunkedDecoder): void {
    const { parser, bytes } = head;
    const framing = parser.bodyFraming(this.request?.method === 'HEAD');
    this.#framing = framing;
    const { contentLength } = parser.framing;
    this.byteLength = contentLength === -1 ? undefined : contentLength;
    this.#remaining = framing === 'length' ? contentLength : 0;
    if (framing === 'chunked') {
      this.#decoder = decoder;
      decoder.reset();
    }
    this.#isAnswered = true;
    this.guard?.deadline.cancel();
    const { status, isKeptAlive } = parser;
    this.#isKeptAlive = isKeptAlive;
    const headers = head.headers();
    const settle = this.#settle;
    this.request = undefined;
    this.#settle = takenAlready;
    this.#isBeginning = true;
    settle({ kind: 'answered', message: { status, headers, body: this } });
    this.#isBeginning = false;
    if (!this.isOver) this.#takeFirst(bytes, head.bodyStart, head.end);
  }

  /** More of the body has come. */
  take(bytes: Buffer, start: number, end: number): void {
    this.#read(bytes, start, end);
    const sink = this.#sink;
    if (sink === undefined) {
      if (!this.isOver && !this.#isPaused) this.#pause();
    } else if (!this.isOver && !sink.flush() && !this.isOver) this.#pause();
  }

  pipeTo(sink: BodySink): void {
    this.#sink = sink;
    if (this.#retained !== undefined) for (const piece of this.#retained) sink.write(piece);
    this.#retained = undefined;
    if (this.#end !== undefined) return sink.end(this.#end);
    if (this.#isBeginning) return;
    if (!sink.flush()) this.#pause();
    else if (this.#isPaused) this.resume();
  }

  resume(): void {
    this.#isPaused = false;
    this.carrier?.resume();
  }

  destroy(): void {
    if (this.isOver) return;
    const { carrier } = this;
    this.#finish('destroyed');
    carrier?.destroy();
  }

  whenOver(listener: (end: BodyEnd) => void): void {
    if (this.#end !== undefined) listener(this.#end);
    else if (this.#firstListener === undefined) this.#firstListener = listener;
    else (this.#otherListeners ??= []).push(listener);
  }

  #takeFirst(bytes: Buffer, start: number, end: number): void {
    const isEmpty =
      this.#framing === 'none' || (this.#framing === 'length' && this.#remaining === 0);
    if (isEmpty) this.#finishWhole(start === end);
    else this.take(bytes, start, end);
  }

  #read(bytes: Buffer, start: number, end: number): void {
    if (this.#framing === 'chunked') return this.#readChunks(bytes, start, end);
    const length =
      this.#framing === 'length' ? Math.min(this.#remaining, end - start) : end - start;
    this.#remaining -= length;
    this.#pass(bytes, start, start + length);
    if (this.#framing === 'length' && this.#remaining === 0)
      this.#finishWhole(start + length === end);
  }

  #readChunks(bytes: Buffer, start: number, end: number): void {
    const decoder = this.#decoder as ChunkedDecoder;
    decoder.at = start;
    let step = decoder.step(bytes, end);
    while (step === 'bytes') {
      this.#pass(bytes, decoder.bytesStart, decoder.bytesEnd);
      if (this.isOver) return;
      step = decoder.step(bytes, end);
    }
    if (step === 'done') return this.#finishWhole(decoder.at === end);
    if (step === 'more') return;
    const { carrier } = this;
    this.#finish('died');
    carrier?.destroy();
  }

  #pass(bytes: Buffer, start: number, end: number): void {
    if (start === end) return;
    const piece = this.carrier?.viewOf(bytes, start, end) ?? bytes.subarray(start, end);
    if (this.#sink === undefined) (this.#retained ??= []).push(Buffer.from(piece));
    else this.#sink.write(piece);
  }

  #pause(): void {
    this.#isPaused = true;
    this.carrier?.pause();
  }

  /** `isLast`: nothing came behind the answer. */
  #finishWhole(isLast: boolean): void {
    const { carrier } = this;
    this.carrier = undefined;
    carrier?.release(isLast && this.#isKeptAlive);
    this.#finish('whole');
  }

  #finish(end: BodyEnd): void {
    if (this.isOver) return;
    this.#close(end);
    this.#sink?.end(end);
  }

  #close(end: BodyEnd): void {
    this.#end = end;
    this.carrier = undefined;
    this.guard?.release(this);
    this.guard = undefined;
    this.#firstListener?.(end);
    if (this.#otherListeners !== undefined)
      for (const listener of this.#otherListeners) listener(end);
  }

  /** Its answer has not begun in this time. */
  noteLate(limitMs: number): void {
    const { carrier } = this;
    this.fail(apiError('deadline_exceeded', `The engine sent nothing for ${limitMs} ms.`));
    carrier?.destroy();
  }

  /** Nobody wants it any more. */
  abandon(): void {
    if (this.isOver) return;
    const { carrier } = this;
    if (this.#isAnswered) this.#finish('destroyed');
    else {
      this.#close('destroyed');
      this.#settle({ kind: 'abandoned' });
    }
    carrier?.destroy();
  }
}

/** An answer that is no HTTP/1.1. */
export function garbled(parser: ResponseParser): ApiError {
  const reason = parser.refusal === undefined ? 'it is no HTTP' : refusalText(parser.refusal);
  return apiError('backend_failed', `The engine's answer cannot be read: ${reason}.`, {
    retryAfterMs: 1000,
  });
}
