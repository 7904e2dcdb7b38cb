import { apiError, type ApiError, bodyNotJson, modelNotFound } from '@millrace/openai';
import { type Clock, messageOf } from '@millrace/stdx';
import type { Backend, BackendAnswer, BackendRequest } from '../backends/backend.ts';
import type { Endpoint } from './endpoint.ts';
import { noneServing } from './look-at-endpoint.ts';
import { type ModelAliases, routeModel } from './model-routes.ts';
import type { PickEndpoint } from './pick-endpoint.ts';

/** What there is to route to. */
export interface RoutingTable {
  readonly endpoints: readonly Endpoint[];
  readonly aliases: ModelAliases;
}

/** What routing over endpoints needs. */
export interface EndpointBackendOptions {
  readonly table: RoutingTable;
  readonly pick: PickEndpoint;
  readonly clock: Clock;
  /** Endpoints that one request is sent to at most, the first included. */
  readonly triesMax: number;
}

/** Statuses by which an engine says that it took nothing on: another may. */
const turnedAway: ReadonlySet<number> = new Set([429, 502, 503]);

/** One try: where, under which name of the model. */
interface Try {
  readonly endpoint: Endpoint;
  readonly model: string | undefined;
}

/**
 * Sends each request to one of several endpoints that serve its model. Before the first byte of an answer, a request
 * that an endpoint lost or turned away goes to another, a bounded number of times.
 */
export class EndpointBackend implements Backend {
  readonly #options: EndpointBackendOptions;
  #table: RoutingTable;

  constructor(options: EndpointBackendOptions) {
    this.#options = options;
    this.#table = options.table;
  }

  /** Requests that come from now on are routed by this table; those under way keep their endpoint. */
  replaceTable(table: RoutingTable): void {
    this.#table = table;
  }

  get unavailable(): ApiError | undefined {
    const { endpoints } = this.#table;
    return endpoints.some(isServing) ? undefined : noneServing(endpoints);
  }

  async send(request: BackendRequest): Promise<BackendAnswer> {
    const asked = modelIn(request);
    if (asked.kind === 'refused') return { kind: 'failed', error: asked.error };
    const table = this.#table;
    const route = routeModel(asked.model, table);
    if (route.kind === 'unknown')
      return { kind: 'failed', error: modelNotFound(asked.model ?? '', route.served) };
    const tried = new Set<Endpoint>();
    let last: BackendAnswer | undefined;
    for (const { model, endpoints } of route.choices) {
      for (;;) {
        const candidates = endpoints.filter((one) => isServing(one) && !tried.has(one));
        if (candidates.length === 0 || tried.size === this.#options.triesMax) break;
        const endpoint = this.#options.pick(candidates);
        tried.add(endpoint);
        if (last?.kind === 'answered') last.message.resume();
        last = await this.#try({ endpoint, model }, request, asked.model);
        if (!isWorthAnother(last)) return last;
      }
    }
    if (last !== undefined) return last;
    const serving = route.choices.flatMap((choice) => choice.endpoints);
    return { kind: 'failed', error: noneServing(serving) };
  }

  async #try(
    { endpoint, model }: Try,
    request: BackendRequest,
    asked: string | undefined,
  ): Promise<BackendAnswer> {
    const { clock } = this.#options;
    const { authorization } = endpoint.options;
    endpoint.activeCount++;
    const answer = await endpoint.backend.send({
      ...request,
      headers: { ...request.headers, ...(authorization !== undefined && { authorization }) },
      body: model === asked ? request.body : withModel(request.body, model),
    });
    if (answer.kind === 'answered') {
      endpoint.health.noteStatus(answer.message.statusCode ?? 502, clock.nowMs());
      answer.message.once('close', () => endpoint.activeCount--);
    } else {
      endpoint.activeCount--;
    }
    if (answer.kind === 'failed') endpoint.health.noteUnanswered(answer.error.message);
    return answer;
  }
}

function isServing(endpoint: Endpoint): boolean {
  return endpoint.health.state === 'serving';
}

function isWorthAnother(answer: BackendAnswer): boolean {
  if (answer.kind === 'answered') return turnedAway.has(answer.message.statusCode ?? 0);
  return answer.kind === 'failed';
}

type AskedModel =
  | { readonly kind: 'asked'; readonly model: string | undefined }
  | { readonly kind: 'refused'; readonly error: ApiError };

/** The model that a request names; requests without a JSON body name none. */
function modelIn(request: BackendRequest): AskedModel {
  const type = String(request.headers['content-type'] ?? '');
  if (request.body.length === 0 || !/^application\/(?:[\w.-]+\+)?json\b/i.test(type))
    return { kind: 'asked', model: undefined };
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString('utf8'));
  } catch (error) {
    return { kind: 'refused', error: bodyNotJson(messageOf(error)) };
  }
  if (typeof body !== 'object' || body === null || !('model' in body))
    return { kind: 'asked', model: undefined };
  const { model } = body;
  if (typeof model === 'string') return { kind: 'asked', model };
  const error = apiError('invalid_value', '"model" must be a string.', { param: 'model' });
  return { kind: 'refused', error };
}

function withModel(body: Buffer, model: string | undefined): Buffer {
  const parsed = JSON.parse(body.toString('utf8')) as object;
  return Buffer.from(JSON.stringify({ ...parsed, model }));
}
