import { type ApiError, modelNotFound } from '@millrace/openai';
import type { Clock } from '@millrace/stdx';
import type { Backend, BackendAnswer, BackendRequest } from '../backends/backend.ts';
import { discardBody } from '../messages/body.ts';
import type { Dispatch, EndpointRouter, RoutingPolicyName } from './endpoint-router.ts';
import type { Endpoint } from './endpoint.ts';
import { noneServing, unavailableOf } from './look-at-endpoint.ts';
import { type ModelAliases, routeModel } from './model-routes.ts';
import { type PromptFacts, promptFactsOf } from './prompt-facts.ts';

/** What there is to route to. */
export interface RoutingTable {
  readonly endpoints: readonly Endpoint[];
  readonly aliases: ModelAliases;
  readonly policy: RoutingPolicyName;
}

/** What routing over endpoints needs. */
export interface EndpointBackendOptions {
  readonly table: RoutingTable;
  readonly router: EndpointRouter;
  readonly clock: Clock;
  /** Endpoints that one request is sent to at most, the first included. */
  readonly triesMax: number;
}

/** Statuses by which an engine says that it took nothing on: another may. */
const turnedAway: ReadonlySet<number> = new Set([429, 502, 503]);

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
    options.router.replaceEndpoints(options.table.endpoints, options.table.policy);
  }

  /** Requests that come from now on are routed by this table; those under way keep their endpoint. */
  replaceTable(table: RoutingTable): void {
    this.#table = table;
    this.#options.router.replaceEndpoints(table.endpoints, table.policy);
  }

  get unavailable(): ApiError | undefined {
    return unavailableOf(this.#table.endpoints);
  }

  async send(request: BackendRequest): Promise<BackendAnswer> {
    const facts = promptFactsOf(request);
    if ('refused' in facts) return { kind: 'failed', error: facts.refused };
    const route = routeModel(facts.model, { ...this.#table, allowed: request.modelsAllowed });
    if (route.kind === 'unknown')
      return { kind: 'failed', error: modelNotFound(facts.model ?? '', route.served) };
    const tried = new Set<Endpoint>();
    let last: BackendAnswer | undefined;
    for (const { model, endpoints } of route.choices) {
      while (tried.size < this.#options.triesMax) {
        const candidates = endpoints.filter((one) => isServing(one) && !tried.has(one));
        const dispatch = this.#options.router.dispatch(facts, model, candidates);
        if (dispatch === undefined) break;
        tried.add(dispatch.endpoint);
        if (last?.kind === 'answered') discardBody(last.message.body);
        last = await this.#try(dispatch, withModel(request, facts, model));
        if (!isWorthAnother(last)) return last;
      }
    }
    if (last !== undefined) return last;
    const known = route.choices.flatMap((choice) => choice.endpoints);
    return { kind: 'failed', error: noneServing(known) };
  }

  async #try(dispatch: Dispatch, request: BackendRequest): Promise<BackendAnswer> {
    const { clock } = this.#options;
    const { answering, health, options } = dispatch.endpoint;
    const { authorization } = options;
    const answer = await answering.send({
      ...request,
      headers:
        authorization === undefined ? request.headers : request.headers.with({ authorization }),
    });
    if (answer.kind === 'answered') {
      const { status, body } = answer.message;
      health.noteStatus(status, clock.unixMs());
      if (status < 300) dispatch.noteAnswered();
      else dispatch.noteLost();
      body.whenOver(() => dispatch[Symbol.dispose]());
      return answer;
    }
    dispatch.noteLost();
    dispatch[Symbol.dispose]();
    if (answer.kind === 'failed') health.noteUnanswered(answer.error.message);
    return answer;
  }
}

function isServing(endpoint: Endpoint): boolean {
  return endpoint.health.state === 'serving';
}

function isWorthAnother(answer: BackendAnswer): boolean {
  if (answer.kind === 'answered') return turnedAway.has(answer.message.status);
  return answer.kind === 'failed';
}

/** The request as it goes to an endpoint: its bytes as they came, unless the model has another name there. */
function withModel(
  request: BackendRequest,
  facts: PromptFacts,
  model: string | undefined,
): BackendRequest {
  if (model === facts.model) return request;
  const parsed = JSON.parse(request.body.toString('utf8')) as object;
  return { ...request, body: Buffer.from(JSON.stringify({ ...parsed, model })) };
}
