import { apiError, type ApiError, draining } from '@millrace/openai';
import type { Clock } from '@millrace/stdx';
import type { Registry } from '@millrace/telemetry';
import { errorBodyFor, errorHeadersFor } from '../apis/api-errors.ts';
import {
  type Backend,
  type BackendAnswer,
  failedHere,
  faultHere,
  type TakeAnswer,
} from '../backends/backend.ts';
import type { Identified, TenantOptions } from '../identity/tenant-directory.ts';
import { HeaderBlock, HeaderEdit } from '../messages/header-block.ts';
import { DeadlineQueue } from '../net/deadlines.ts';
import { type GatewayBounds, gatewayDefaults } from '../options.ts';
import { BodyRoom } from './body-room.ts';
import type { Admission, Exchange, RequestHandler, RequestHead } from './exchange.ts';
import { createGatewayMetrics, type GatewayMetrics } from './gateway-metrics.ts';
import type { OwnAnswer, OwnRoute } from './own-route.ts';
import { Relay, type RelayEnd, type RelayHost } from './relay.ts';
import { type KeyHeaders, tenantHeader, tenantOf } from '../identity/tenant-header.ts';

/** That an answer has paused too long is known late by so many parts of the bound at most. */
const pieceSteps = 16;

/** What a gateway is made from. */
export interface GatewayOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly registry: Registry;
  /** Makes the id of a request that brings none. */
  readonly createRequestId: () => string;
  /** Asked before the backend, in order. */
  readonly ownRoutes?: readonly OwnRoute[];
  /** Whose request it is; absent: anybody's. */
  readonly identify?: (headers: KeyHeaders) => Identified;
  readonly bounds?: Partial<GatewayBounds>;
}

/** The way of a request through the gateway, whatever protocol brought it. */
export class Pipeline implements RequestHandler, RelayHost, Disposable {
  readonly bounds: GatewayBounds;
  /** What the bodies of requests have of the memory, whatever protocol brings them. */
  readonly room: BodyRoom;
  /** Longest pause between two pieces of an answer, and longest that a client takes nothing. */
  readonly pieces: DeadlineQueue;
  isDraining = false;
  readonly #options: GatewayOptions;
  readonly #metrics: GatewayMetrics;
  #activeCount = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.bounds = { ...gatewayDefaults, ...options.bounds };
    this.room = new BodyRoom(this.bounds.bodiesBytesMax);
    this.#metrics = createGatewayMetrics(options.registry, {
      active: () => this.#activeCount,
      bodyBytes: () => this.room.bytesHeld,
    });
    this.pieces = new DeadlineQueue(options.clock, this.bounds.pieceMsMax, pieceSteps);
  }

  get activeCount(): number {
    return this.#activeCount;
  }

  admit(head: RequestHead): Admission {
    const { clock, createRequestId, identify } = this.#options;
    const { headers } = head;
    const requestId = headers.get('x-request-id') ?? createRequestId();
    const identified = identify?.(keysIn(headers)) ?? anybody;
    // The status page, health and metrics are the operator's: they answer without a key.
    const isRefused = identified.kind === 'refused' && !isForOperator(head);
    const refusal = isRefused ? identified.error : undefined;
    return { identified, requestId, startedAtMs: clock.nowMs(), refusal };
  }

  noteRefused(status: number, admission: Admission | undefined): void {
    const nowMs = this.#options.clock.nowMs();
    this.#metrics.note(status, nowMs - (admission?.startedAtMs ?? nowMs));
  }

  noteRelayed({ admission, status, watcher }: Relay, end: RelayEnd): void {
    this.#metrics.noteEnd(end);
    if (watcher !== undefined) this.#metrics.noteStream(watcher);
    this.#noteAnswered(admission, status);
  }

  answer(exchange: Exchange): void {
    this.#activeCount++;
    this.#askOwnRoutes(exchange, 0);
  }

  [Symbol.dispose](): void {
    this.pieces[Symbol.dispose]();
  }

  /** Asks own routes from one on. Most requests are none of theirs, which they say at once: then nothing is awaited. */
  #askOwnRoutes(exchange: Exchange, from: number): void {
    const routes = this.#options.ownRoutes ?? [];
    const models = tenantIn(exchange)?.models;
    for (let at = from; at < routes.length; at++) {
      const route = routes[at] as OwnRoute;
      let answer: ReturnType<OwnRoute>;
      try {
        answer = route(exchange, models);
      } catch (error) {
        return this.#refuse(exchange, faultHere(error));
      }
      if (answer instanceof Promise) return void this.#awaitOwn(exchange, answer, at + 1);
      if (answer !== undefined) return this.#answerOwn(exchange, answer);
    }
    this.#answerForClients(exchange);
  }

  async #awaitOwn(
    exchange: Exchange,
    asked: Promise<OwnAnswer | undefined>,
    next: number,
  ): Promise<void> {
    let answer: OwnAnswer | undefined;
    try {
      answer = await asked;
    } catch (error) {
      return this.#refuse(exchange, faultHere(error));
    }
    if (answer === undefined) this.#askOwnRoutes(exchange, next);
    else this.#answerOwn(exchange, answer);
  }

  #answerOwn(exchange: Exchange, own: OwnAnswer): void {
    const body = typeof own.body === 'string' ? Buffer.from(own.body) : own.body;
    this.#answerWhole(exchange, { ...own, headers: HeaderBlock.of(own.headers), body });
  }

  #answerForClients(exchange: Exchange): void {
    const { identified } = exchange.admission;
    if (identified.kind === 'refused') return this.#refuse(exchange, identified.error);
    const refusal = this.isDraining ? draining() : this.#options.backend.unavailable;
    if (refusal !== undefined) return this.#refuse(exchange, refusal);
    this.#askBackend(exchange);
  }

  #askBackend(exchange: Exchange): void {
    const { method, target, body, cancellation } = exchange;
    const headers = headersFor(exchange);
    const modelsAllowed = tenantIn(exchange)?.models;
    let isAnswered = false;
    const take: TakeAnswer = (answer) => {
      isAnswered = true;
      this.#takeAnswer(exchange, answer);
    };
    try {
      this.#options.backend.send(
        { method, target, headers, body, modelsAllowed, cancellation },
        take,
      );
    } catch (error) {
      if (isAnswered) throw error;
      take(failedHere(error));
    }
  }

  #takeAnswer(exchange: Exchange, answer: BackendAnswer): void {
    if (answer.kind === 'answered') return new Relay(exchange, answer.message, this).start();
    if (answer.kind === 'failed') return this.#refuse(exchange, answer.error);
    const isLate = exchange.cancellation.reason === 'deadline';
    this.#metrics.noteEnd(isLate ? 'deadline' : 'client-gone');
    this.#refuse(exchange, isLate ? tooLong(this.bounds.answerMsMax) : clientGone);
  }

  #refuse(exchange: Exchange, error: ApiError): void {
    const { requestId } = exchange.admission;
    const headers = errorHeadersFor(exchange.target, error, requestId);
    this.#answerWhole(exchange, {
      status: error.status,
      headers: HeaderBlock.of({ ...headers, 'content-type': 'application/json' }),
      body: Buffer.from(errorBodyFor(exchange.target, error, requestId)),
    });
  }

  #answerWhole(
    exchange: Exchange,
    answer: { readonly status: number; readonly headers: HeaderBlock; readonly body: Buffer },
  ): void {
    const { status, headers, body } = answer;
    const { requestId } = exchange.admission;
    this.#noteAnswered(exchange.admission, status);
    exchange.responder.answer({ status, headers, requestId, byteLength: body.length }, body);
  }

  #noteAnswered({ startedAtMs }: Admission, status: number): void {
    this.#activeCount--;
    this.#metrics.note(status, this.#options.clock.nowMs() - startedAtMs);
  }
}

const anybody: Identified = { kind: 'anybody' };
const clientGone = apiError('client_closed_request', 'The client has gone.');

function tooLong(limitMs: number): ApiError {
  return apiError('deadline_exceeded', `The answer took longer than the limit of ${limitMs} ms.`);
}

function isForOperator({ method, target }: RequestHead): boolean {
  return (method === 'GET' || method === 'HEAD') && !/^\/v1(?:\/|\?|$)/.test(target);
}

function keysIn(headers: HeaderBlock): KeyHeaders {
  return { authorization: headers.get('authorization'), 'x-api-key': headers.get('x-api-key') };
}

function tenantIn({ admission }: Exchange): TenantOptions | undefined {
  return admission.identified.kind === 'known' ? admission.identified.tenant : undefined;
}

const ownFields = ['x-request-id', tenantHeader];
const tenantUnknown = new HeaderEdit(ownFields);
/** A key that is for the gateway goes no further. */
const tenantKnown = new HeaderEdit(ownFields, ['authorization', 'x-api-key']);

function headersFor(exchange: Exchange): HeaderBlock {
  const { headers, admission } = exchange;
  const tenant = tenantIn(exchange);
  return tenant === undefined
    ? headers.edit(tenantUnknown, [admission.requestId, tenantOf(keysIn(headers))])
    : headers.edit(tenantKnown, [admission.requestId, tenant.name]);
}
