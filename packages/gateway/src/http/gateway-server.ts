import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type ApiError, draining, errorHeaders } from '@millrace/openai';
import type { Clock, Timer } from '@millrace/stdx';
import type { Registry } from '@millrace/telemetry';
import { errorBodyFor } from '../apis/api-errors.ts';
import type { Backend } from '../backends/backend.ts';
import type { Identified, KeyHeaders, TenantOptions } from '../identity/tenant-directory.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { type GatewayBounds, gatewayDefaults } from '../options.ts';
import { createGatewayMetrics, type GatewayMetrics } from './gateway-metrics.ts';
import { endToEnd } from './headers.ts';
import type { OwnAnswer, OwnRequest, OwnRoute } from './own-route.ts';
import { readBody } from './read-body.ts';
import { listenAt, type ListenOptions, type ListenPlace } from './listen.ts';
import { relay } from './relay.ts';
import { tenantHeader, tenantOf } from './tenant.ts';

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

/** A gateway that listens. */
export interface Gateway extends AsyncDisposable {
  /** Where it listens; a port of 0 has become the one that was given. */
  readonly place: ListenPlace;
  /** Requests that are being answered. */
  readonly activeCount: number;
  /** Takes no new connections, lets running answers end for at most `drainMsMax`, then cuts what is left. */
  drain(drainMsMax: number): Promise<void>;
}

/** While it drains, a gateway looks so often for connections that have become idle. */
const drainLookMs = 20;

/** Starts a gateway. Throws `GATEWAY_ADDRESS_IN_USE` and `GATEWAY_LISTEN_FAILED`. */
export async function startGateway(options: GatewayOptions & ListenOptions): Promise<Gateway> {
  const path = new DataPath(options);
  const server = createServer({ requestTimeout: path.bounds.requestMsMax }, (request, response) => {
    void path.answer(request, response);
  });
  server.maxConnections = path.bounds.connectionsMax;
  const place = await listenAt(server, options);
  return {
    place,
    get activeCount() {
      return path.activeCount;
    },
    drain: (drainMsMax) => drainServer(server, path, { clock: options.clock, drainMsMax }),
    [Symbol.asyncDispose]: () => drainServer(server, path, { clock: options.clock, drainMsMax: 0 }),
  };
}

/** The way of a request through the gateway. */
class DataPath {
  readonly bounds: GatewayBounds;
  readonly #options: GatewayOptions;
  readonly #metrics: GatewayMetrics;
  #isDraining = false;
  #activeCount = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.bounds = { ...gatewayDefaults, ...options.bounds };
    this.#metrics = createGatewayMetrics(options.registry, () => this.#activeCount);
  }

  get activeCount(): number {
    return this.#activeCount;
  }

  startDraining(): void {
    this.#isDraining = true;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#activeCount++;
    const startedAtMs = this.#options.clock.nowMs();
    const requestId = request.headers['x-request-id'] ?? this.#options.createRequestId();
    response.setHeader('x-request-id', requestId);
    if (this.#isDraining) response.setHeader('connection', 'close');
    // A socket's error closes the response, which is where it is dealt with.
    response.on('error', () => undefined);
    try {
      await this.#answerIdentified(request, response, String(requestId));
    } finally {
      this.#activeCount--;
      this.#metrics.note(response.statusCode, this.#options.clock.nowMs() - startedAtMs);
    }
  }

  async #answerIdentified(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ): Promise<void> {
    const { identify } = this.#options;
    const identified = identify?.(request.headers) ?? { kind: 'anybody' };
    // The status page, health and metrics are the operator's: they answer without a key.
    const isForOperator = isReading(request) && !/^\/v1(?:\/|\?|$)/.test(request.url ?? '');
    if (identified.kind === 'refused' && !isForOperator)
      return this.#refuse(request, response, identified.error);
    const read = await readBody(request, this.bounds.bodyBytesMax);
    if (read.kind === 'gone') return;
    if (read.kind === 'refused') return this.#refuse(request, response, read.error);
    const tenant = identified.kind === 'known' ? identified.tenant : undefined;
    const asked = { requestId, tenant, body: read.body };
    const own = await this.#askOwnRoutes(request, asked);
    if (own !== undefined) return sendOwn(response, own);
    if (identified.kind === 'refused') return this.#refuse(request, response, identified.error);
    await this.#answerFromBackend(request, response, asked);
  }

  async #askOwnRoutes(request: IncomingMessage, asked: Asked): Promise<OwnAnswer | undefined> {
    const given: OwnRequest = {
      method: request.method ?? 'GET',
      target: request.url ?? '/',
      headers: HeaderBlock.of(endToEnd(request.headers)),
      body: asked.body,
      models: asked.tenant?.models,
    };
    for (const route of this.#options.ownRoutes ?? []) {
      const answer = await route(given);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  async #answerFromBackend(
    request: IncomingMessage,
    response: ServerResponse,
    asked: Asked,
  ): Promise<void> {
    const { backend, clock } = this.#options;
    const refusal = this.#isDraining ? draining() : backend.unavailable;
    if (refusal !== undefined) return this.#refuse(request, response, refusal);

    const cancellation = new Cancellation();
    const noteGone = (): void => cancellation.cancel('client-gone');
    response.once('close', noteGone);
    const answer = await backend.send({
      method: request.method ?? 'GET',
      target: request.url ?? '/',
      headers: headersFor(request, asked),
      body: asked.body,
      modelsAllowed: asked.tenant?.models,
      cancellation,
    });
    if (answer.kind === 'abandoned') {
      this.#metrics.noteEnd('client-gone');
      return;
    }
    if (answer.kind === 'failed') return this.#refuse(request, response, answer.error);
    const end = await relay(answer.message, response, {
      clock,
      pieceMsMax: this.bounds.pieceMsMax,
    });
    response.off('close', noteGone);
    this.#metrics.noteEnd(end);
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: ApiError): void {
    const requestId = String(response.getHeader('x-request-id') ?? '');
    const body = errorBodyFor(request.url ?? '/', error, requestId);
    if (!request.complete) response.setHeader('connection', 'close');
    response.writeHead(error.status, {
      ...errorHeaders(error),
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  }
}

interface Asked {
  readonly requestId: string;
  readonly tenant: TenantOptions | undefined;
  readonly body: Buffer;
}

function isReading({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD';
}

function sendOwn(response: ServerResponse, { status, headers, body }: OwnAnswer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

/** A key that is for the gateway goes no further. */
function headersFor(request: IncomingMessage, asked: Asked): HeaderBlock {
  const kept = HeaderBlock.of(endToEnd(request.headers)).without(
    asked.tenant === undefined ? ['content-length'] : ['content-length', ...keyHeaders],
  );
  return kept.with({
    'x-request-id': asked.requestId,
    [tenantHeader]: asked.tenant?.name ?? tenantOf(request.headers),
  });
}

const keyHeaders = ['authorization', 'x-api-key'];

async function drainServer(
  server: Server,
  path: DataPath,
  options: { readonly clock: Clock; readonly drainMsMax: number },
): Promise<void> {
  if (!server.listening) return;
  const { clock, drainMsMax } = options;
  path.startDraining();
  await new Promise<void>((resolve) => {
    let look: Timer | undefined;
    const timer = clock.after(drainMsMax, () => server.closeAllConnections());
    // A connection becomes idle when its answer has left; until then it is somebody's.
    const closeIdle = (): void => {
      server.closeIdleConnections();
      look = clock.after(drainLookMs, closeIdle);
    };
    server.close(() => {
      timer.cancel();
      look?.cancel();
      resolve();
    });
    closeIdle();
  });
}
