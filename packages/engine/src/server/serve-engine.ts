import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  engineFailed,
  errorEvent,
  methodNotAllowed,
  RefusedError,
  routeNotFound,
} from '@millrace/openai';
import { AssertionError, messageOf } from '@millrace/stdx';
import { EngineError } from '../errors.ts';
import { answerClientError } from './client-error.ts';
import { Exchange } from './exchange.ts';
import { readJsonBody } from './read-body.ts';
import { RouteContext } from './route-context.ts';
import { routeAt } from './routes.ts';
import {
  type EngineServerOptions,
  type ListenAddress,
  type ResolvedServerOptions,
  resolveServerOptions,
} from './server-options.ts';

/** An engine on a socket. Disposing it cuts the connections that are left. */
export interface EngineServer extends AsyncDisposable {
  /** Where it listens, with the port that it got. */
  readonly address: ListenAddress;
  /** Takes no new connections; resolves when the running requests have ended. */
  close(): Promise<void>;
}

/** Serves an engine over HTTP in OpenAI's words. The engine stays the caller's. Throws `ENGINE_LISTEN_FAILED`. */
export async function serveEngine(options: EngineServerOptions): Promise<EngineServer> {
  const resolved = resolveServerOptions(options);
  const server = createHttpServer(resolved, new RouteContext(resolved));
  await listen(server, resolved.listen);
  const address = addressOf(server, resolved.listen);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= new Promise<void>((resolve) => server.close(() => resolve()));
    return closed;
  };
  return {
    address,
    close,
    [Symbol.asyncDispose]: async () => {
      const ended = close();
      server.closeAllConnections();
      await ended;
    },
  };
}

function createHttpServer(options: ResolvedServerOptions, context: RouteContext): Server {
  const { arrivalMsMax, headerBytesMax, keepAliveMs } = options;
  const server = createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: arrivalMsMax,
    requestTimeout: arrivalMsMax,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: Math.min(1000, arrivalMsMax),
    noDelay: true,
  });
  server.maxConnections = options.connectionsMax;
  server.on('request', (request, response) => {
    const exchange = openExchange(request, response, context);
    // A connection that falls idle after the server was closed would keep it open.
    response.once('close', () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
    // What `answer` lets through is a bug: it ends the process.
    void answer(exchange, context);
  });
  server.on('clientError', (error, socket) => answerClientError(error, socket, options));
  return server;
}

function openExchange(
  request: IncomingMessage,
  response: ServerResponse,
  context: RouteContext,
): Exchange {
  const given = request.headers['x-request-id'];
  const isUsable = typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given);
  const url = request.url ?? '/';
  const queryAt = url.indexOf('?');
  return new Exchange(request, response, {
    path: queryAt < 0 ? url : url.slice(0, queryAt),
    requestId: isUsable ? given : context.createId('req-'),
  });
}

async function answer(exchange: Exchange, context: RouteContext): Promise<void> {
  try {
    await dispatch(exchange, context);
  } catch (error) {
    if (error instanceof AssertionError) throw error;
    if (error instanceof RefusedError) return exchange.sendError(error.apiError);
    context.options.onFault(error);
    const told = engineFailed(messageOf(error));
    if (!exchange.hasBegun) return exchange.sendError(told);
    void exchange.write(errorEvent(told));
    exchange.end();
  }
}

async function dispatch(exchange: Exchange, context: RouteContext): Promise<void> {
  const { path, request } = exchange;
  const method = request.method ?? 'GET';
  const route = routeAt(path);
  if (route === undefined) return exchange.sendError(routeNotFound(method, path));
  if (!route.methods.some((allowed) => allowed === method)) {
    return exchange.sendError(methodNotAllowed(method, path, route.methods));
  }
  if (route.kind === 'plain') return route.answer(exchange, context);
  const body = await readJsonBody(exchange, context.options.bodyBytesMax);
  if (body.kind === 'json') return route.answer(exchange, context, body.value);
  if (body.kind === 'refused') exchange.sendError(body.error);
}

async function listen(server: Server, address: ListenAddress): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (cause) {
    const where = 'path' in address ? address.path : `${address.host}:${address.port}`;
    throw new EngineError(`listen on ${where}: ${messageOf(cause)}`, {
      code: 'ENGINE_LISTEN_FAILED',
      cause,
    });
  }
}

function addressOf(server: Server, asked: ListenAddress): ListenAddress {
  if ('path' in asked) return asked;
  const { port } = server.address() as AddressInfo;
  return { host: asked.host, port };
}
