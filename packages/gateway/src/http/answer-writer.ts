import { statusLine } from '../http1/status-texts.ts';
import { contentLengthName, FieldName } from '../messages/field-name.ts';
import type { BodyEnd, BodySink } from '../messages/body.ts';
import type { SocketWriter } from '../net/socket-writer.ts';
import type { AnswerHead } from './exchange.ts';

const requestIdName = new FieldName('x-request-id');

/** What of its request an answer must heed. */
export interface AnswerSettings {
  /** A line `date: …`, for answers that bring none. */
  readonly dateLine: Buffer;
  /** Whether the connection goes on behind it. */
  readonly isKeptAlive: boolean;
  readonly isHead: boolean;
  readonly isHttp10: boolean;
}

/** Writes the answers of one connection in HTTP/1.1. Hot path: once a piece of every answer. */
export class AnswerWriter implements BodySink {
  /** The connection ends behind the answer. */
  isLast = false;
  /** The answer was not whole: no part of it must be taken for it. */
  isBroken = false;
  readonly #writer: SocketWriter;
  readonly #noteEnd: () => void;
  #hasBody = false;
  #isChunked = false;

  constructor(writer: SocketWriter, noteEnd: () => void) {
    this.#writer = writer;
    this.#noteEnd = noteEnd;
  }

  /** Writes the head; it leaves with the first of the body. */
  begin(head: AnswerHead, settings: AnswerSettings): BodySink {
    const { status, headers, requestId } = head;
    const writer = this.#writer;
    this.#frame(head, settings);
    writer.bytes(statusLine(status));
    headers.writeTo(writer);
    if (!headers.has('date')) writer.bytes(settings.dateLine);
    if (requestId !== '') writer.line(requestIdName.start, requestId);
    this.#writeFraming(head);
    writer.text(this.isLast ? 'connection: close\r\n\r\n' : '\r\n');
    return this;
  }

  #frame({ status, byteLength }: AnswerHead, settings: AnswerSettings): void {
    const { isHead, isHttp10, isKeptAlive } = settings;
    this.#hasBody = !isHead && mayHaveBody(status);
    const needsEnd = this.#hasBody && byteLength === undefined;
    this.#isChunked = needsEnd && !isHttp10;
    this.isLast = !isKeptAlive || (needsEnd && isHttp10);
    this.isBroken = false;
  }

  #writeFraming({ status, byteLength }: AnswerHead): void {
    const writer = this.#writer;
    if (this.#isChunked) return writer.text('transfer-encoding: chunked\r\n');
    // An answer to HEAD, and 304, tell the length of the body that there would be; 204 tells none.
    if (byteLength === undefined || (status !== 304 && !mayHaveBody(status))) return;
    writer.line(contentLengthName.start, String(byteLength));
  }

  write(piece: Buffer): void {
    if (!this.#hasBody) return;
    if (this.#isChunked) this.#writer.chunk(piece);
    else this.#writer.bytes(piece);
  }

  flush(): boolean {
    return this.#writer.flush();
  }

  end(end: BodyEnd): void {
    this.isBroken = end !== 'whole';
    if (this.#isChunked && !this.isBroken) this.#writer.text('0\r\n\r\n');
    this.#writer.flush();
    this.#noteEnd();
  }
}

function mayHaveBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}
