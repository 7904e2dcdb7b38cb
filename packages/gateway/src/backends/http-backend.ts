import { Agent, type ClientRequest, type IncomingMessage, request as openRequest } from 'node:http';
import { Agent as TlsAgent, request as openTlsRequest } from 'node:https';
import { apiError, type ApiError } from '@millrace/openai';
import { type Clock, messageOf } from '@millrace/stdx';
import type { Backend, BackendAnswer, BackendRequest } from './backend.ts';
import { messageOf as answerOf } from './node-message.ts';

/** Where a backend listens. */
export type BackendAddress =
  | { readonly kind: 'socket'; readonly path: string }
  | {
      readonly kind: 'tcp' | 'tls';
      readonly host: string;
      readonly port: number;
      /** Put in front of every request's path; begins with a slash and does not end with one. */
      readonly pathPrefix?: string;
    };

/** What an HTTP backend is made from. */
export interface HttpBackendOptions {
  readonly address: () => BackendAddress;
  /** Why it cannot be asked at present, if so. */
  readonly unavailable: () => ApiError | undefined;
  readonly connectionsMax: number;
  readonly firstByteMsMax: number;
  readonly clock: Clock;
}

/** Idle connections kept for the next request. */
const idleConnectionsMax = 64;

/** A backend that speaks HTTP/1.1 over pooled connections. */
export class HttpBackend implements Backend, Disposable {
  readonly #options: HttpBackendOptions;
  readonly #agent: Agent;
  readonly #tlsAgent: TlsAgent;

  constructor(options: HttpBackendOptions) {
    this.#options = options;
    const pool = {
      keepAlive: true,
      maxSockets: options.connectionsMax,
      maxFreeSockets: idleConnectionsMax,
    };
    this.#agent = new Agent(pool);
    this.#tlsAgent = new TlsAgent(pool);
  }

  get unavailable(): ApiError | undefined {
    return this.#options.unavailable();
  }

  /**
   * Sends a request. A pooled connection that the backend closed in the same instant is told by a reset before any
   * byte of an answer: that request was never taken, and is sent once more on another connection.
   */
  async send(request: BackendRequest): Promise<BackendAnswer> {
    const first = await this.#sendOnce(request);
    return first.kind === 'stale' ? this.#afterRetry(await this.#sendOnce(request)) : first;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
    this.#tlsAgent.destroy();
  }

  #open(request: BackendRequest): ClientRequest {
    const address = this.#options.address();
    const shape = {
      method: request.method,
      headers: {
        ...Object.fromEntries(request.headers),
        'content-length': String(request.body.length),
      },
    };
    if (address.kind === 'socket') {
      const { path: socketPath } = address;
      return openRequest({ ...shape, socketPath, path: request.target, agent: this.#agent });
    }
    const { host, port } = address;
    const place = { ...shape, host, port, path: (address.pathPrefix ?? '') + request.target };
    return address.kind === 'tls'
      ? openTlsRequest({ ...place, agent: this.#tlsAgent })
      : openRequest({ ...place, agent: this.#agent });
  }

  #afterRetry(
    answer: BackendAnswer | { readonly kind: 'stale'; readonly error: ApiError },
  ): BackendAnswer {
    return answer.kind === 'stale' ? { kind: 'failed', error: answer.error } : answer;
  }

  #sendOnce(
    request: BackendRequest,
  ): Promise<BackendAnswer | { readonly kind: 'stale'; readonly error: ApiError }> {
    const { clock, firstByteMsMax } = this.#options;
    return new Promise((resolve) => {
      const outgoing = this.#open(request);
      const timer = clock.after(firstByteMsMax, () => {
        settle({ kind: 'failed', error: tooSlow(firstByteMsMax) });
        outgoing.destroy();
      });
      const abandon = (): void => {
        settle({ kind: 'abandoned' });
        outgoing.destroy();
      };
      const settle = (answer: Parameters<typeof resolve>[0]): void => {
        timer.cancel();
        request.cancellation.unsubscribe(abandon);
        resolve(answer);
      };
      outgoing.once('response', (message: IncomingMessage) => {
        settle({ kind: 'answered', message: answerOf(message) });
        // From here on the relay watches the client; a late abort must still end the request.
        request.cancellation.subscribe(() => outgoing.destroy());
      });
      outgoing.on('error', (error) => {
        const isStale = outgoing.reusedSocket && isReset(error);
        const failure = this.unavailable ?? unreachable(messageOf(error));
        settle(isStale ? { kind: 'stale', error: failure } : { kind: 'failed', error: failure });
      });
      request.cancellation.subscribe(abandon);
      if (request.cancellation.reason !== undefined) return;
      outgoing.end(request.body);
    });
  }
}

function isReset(error: Error): boolean {
  const code = 'code' in error ? error.code : undefined;
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function unreachable(reason: string): ApiError {
  return apiError('backend_failed', `The engine did not answer: ${reason}.`, {
    retryAfterMs: 1000,
  });
}

function tooSlow(limitMs: number): ApiError {
  return apiError('deadline_exceeded', `The engine sent nothing for ${limitMs} ms.`);
}
