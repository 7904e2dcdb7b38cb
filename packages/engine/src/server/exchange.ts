import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ApiError, errorBody, errorHeaders, eventStreamType } from '@millrace/openai';

/** One request with its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly path: string;
  readonly requestId: string;
  /** Aborted when the client is gone before it has the whole answer. */
  readonly signal: AbortSignal;
  readonly #response: ServerResponse;
  #drained: Promise<void> | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    identity: { readonly path: string; readonly requestId: string },
  ) {
    this.request = request;
    this.path = identity.path;
    this.requestId = identity.requestId;
    this.#response = response;
    const gone = new AbortController();
    this.signal = gone.signal;
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    // The socket's own errors close the response; what is to be done is done there.
    response.on('error', () => undefined);
    response.setHeader('x-request-id', this.requestId);
  }

  /** True when a status has been sent. */
  get hasBegun(): boolean {
    return this.#response.headersSent;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  sendJson(json: string): void {
    this.#send(200, 'application/json', json);
  }

  sendText(contentType: string, text: string): void {
    this.#send(200, contentType, text);
  }

  sendError(error: ApiError): void {
    if (this.signal.aborted) return;
    for (const [name, value] of Object.entries(errorHeaders(error))) {
      this.#response.setHeader(name, value);
    }
    if (this.request.complete)
      return this.#send(error.status, 'application/json', errorBody(error));
    this.#sendBeforeBody(error);
  }

  /** Sends the head of a stream with the first write. */
  beginEvents(): void {
    this.#response.writeHead(200, {
      'content-type': eventStreamType,
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    });
  }

  /** Writes to the stream. The promise is there when the client reads slower than this writes. */
  write(text: string): Promise<void> | undefined {
    if (text === '' || this.signal.aborted || this.#response.write(text)) return undefined;
    // Many answers may wait for one reader: they share one wait.
    this.#drained ??= new Promise((resolve) => {
      const settle = (): void => {
        this.#response.off('drain', settle);
        this.#response.off('close', settle);
        this.#drained = undefined;
        resolve();
      };
      this.#response.on('drain', settle);
      this.#response.on('close', settle);
    });
    return this.#drained;
  }

  end(): void {
    this.#response.end();
  }

  /** Cuts the connection: what was sent is not the whole answer. */
  cut(): void {
    this.#response.destroy();
  }

  #send(status: number, contentType: string, text: string): void {
    if (this.signal.aborted) return;
    const length = Buffer.byteLength(text);
    this.#response.writeHead(status, { 'content-type': contentType, 'content-length': length });
    this.#response.end(text);
  }

  /** The client still sends: it gets the answer, and its connection ends when it has stopped. */
  #sendBeforeBody(error: ApiError): void {
    const text = errorBody(error);
    this.#response.writeHead(error.status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      connection: 'close',
    });
    this.#response.write(text);
    this.request.once('end', () => this.#response.end());
    this.request.once('error', () => this.#response.destroy());
    this.request.resume();
  }
}
