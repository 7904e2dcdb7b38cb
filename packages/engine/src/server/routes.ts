import { draining, modelNotFound, modelResponse, modelsResponse } from '@millrace/openai';
import { answerChat } from './chat-route.ts';
import { answerCompletion } from './completion-route.ts';
import type { Exchange } from './exchange.ts';
import type { RouteContext } from './route-context.ts';
import { answerDetokenize, answerEmbeddings, answerTokenize } from './text-routes.ts';

/** What answers a request whose body is JSON. */
export type BodyHandler = (
  exchange: Exchange,
  context: RouteContext,
  body: unknown,
) => Promise<void>;

/** What answers a request without a body. */
export type PlainHandler = (exchange: Exchange, context: RouteContext) => void;

/** What stands at a path. */
export type Route =
  | { readonly kind: 'body'; readonly methods: readonly ['POST']; readonly answer: BodyHandler }
  | {
      readonly kind: 'plain';
      readonly methods: readonly ['GET', 'HEAD'];
      readonly answer: PlainHandler;
    };

const modelPrefix = '/v1/models/';

/** The route at a path, if any. */
export function routeAt(path: string): Route | undefined {
  if (path.startsWith(modelPrefix)) return plain(answerModel);
  return Object.hasOwn(routes, path) ? routes[path] : undefined;
}

const routes: Readonly<Record<string, Route>> = {
  '/v1/chat/completions': withBody(answerChat),
  '/v1/completions': withBody(answerCompletion),
  '/v1/embeddings': withBody(answerEmbeddings),
  '/tokenize': withBody(answerTokenize),
  '/detokenize': withBody(answerDetokenize),
  '/v1/models': plain(answerModels),
  '/health': plain(answerHealth),
  '/metrics': plain(answerMetrics),
};

function withBody(answer: BodyHandler): Route {
  return { kind: 'body', methods: ['POST'], answer };
}

function plain(answer: PlainHandler): Route {
  return { kind: 'plain', methods: ['GET', 'HEAD'], answer };
}

function answerModels(exchange: Exchange, { engine }: RouteContext): void {
  exchange.sendJson(modelsResponse([engine.model]));
}

function answerModel(exchange: Exchange, { engine }: RouteContext): void {
  const id = decoded(exchange.path.slice(modelPrefix.length));
  if (id === engine.model.id) return exchange.sendJson(modelResponse(engine.model));
  exchange.sendError(modelNotFound(id, [engine.model.id]));
}

function answerHealth(exchange: Exchange, { engine }: RouteContext): void {
  if (!engine.isReady) return exchange.sendError(draining());
  exchange.sendJson(JSON.stringify({ status: 'ok', model: engine.model.id }));
}

function answerMetrics(exchange: Exchange, { engine }: RouteContext): void {
  exchange.sendText('text/plain; version=0.0.4; charset=utf-8', engine.metrics.expose());
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // Not an encoding: the text stands for itself.
    return segment;
  }
}
