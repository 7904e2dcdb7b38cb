import { type ApiError, modelNotFound } from '@millrace/openai';
import type { Clock, Prng } from '@millrace/stdx';
import {
  type Backend,
  type BackendAnswer,
  type BackendRequest,
  failedHere,
  type TakeAnswer,
  takeLater,
} from '../backends/backend.ts';
import { PromptTokenizer, type TokenizingEngine } from '../engines/tokenize.ts';
import { discardBody } from '../messages/body.ts';
import type { Cancellation } from '../messages/cancellation.ts';
import { type Attempt, hedgedAnswer } from '../resilience/hedged-answer.ts';
import type { Resilience } from '../resilience/resilience.ts';
import { decideRetry, type TryEnd } from '../resilience/retry-policy.ts';
import { continuable } from './continued-answer.ts';
import type { Dispatch } from './dispatch.ts';
import type { EndpointRouter } from './endpoint-router.ts';
import { EndpointTry, type EndpointTryParts } from './endpoint-try.ts';
import type { Endpoint } from './endpoint.ts';
import { noneServing, unavailableOf } from './look-at-endpoint.ts';
import { type ModelAliases, type ModelChoice, ModelRoutes } from './model-routes.ts';
import { type PromptFacts, withModel } from './prompt-facts.ts';
import {
  hintsOf,
  type RouteHints,
  routingDefaults,
  type RoutingPolicyName,
  type RoutingRules,
} from './routing-rules.ts';

/** What there is to route to. */
export interface RoutingTable {
  readonly endpoints: readonly Endpoint[];
  readonly aliases: ModelAliases;
  readonly policy: RoutingPolicyName;
  /** Endpoints, by name, that finish what they have and are given nothing more. */
  readonly draining?: ReadonlySet<string>;
  readonly rules?: RoutingRules;
}

/** What routing over endpoints needs. */
export interface EndpointBackendOptions {
  readonly table: RoutingTable;
  readonly router: EndpointRouter;
  readonly resilience: Resilience;
  readonly clock: Clock;
  readonly prng: Prng;
}

/** A request that waits looks at least so often whether an endpoint may take it: other lanes wake nobody here. */
const waitLookMs = 50;
/** A prompt whose tokens are not there by then is routed without them. */
const tokenizeMsMax = 200;

/** A request and where it has been sent so far. */
interface Asked {
  readonly request: BackendRequest;
  readonly facts: PromptFacts;
  readonly hints: RouteHints;
  readonly choices: readonly ModelChoice[];
  /** Those that may have it, of the choice at hand. */
  candidates: readonly Endpoint[];
  tried: readonly Endpoint[];
  readonly take: TakeAnswer;
  /** The prompt's tokens, where an engine tells what its cache holds. */
  tokens: Int32Array | undefined;
}

const nobody: readonly Endpoint[] = [];

/** Where a request goes next. */
interface Chosen {
  readonly dispatch: Dispatch;
  readonly model: string | undefined;
}

/**
 * Sends each request to one of several endpoints that serve its model. Before the first byte of an answer, a request
 * that an endpoint lost or turned away goes to another, within bounds; where none may take it, it waits in a line.
 */
export class EndpointBackend implements Backend {
  readonly #options: EndpointBackendOptions;
  readonly #tryParts: EndpointTryParts;
  readonly #tokenizer = new PromptTokenizer(tokenizeMsMax);
  #resilience: Resilience;
  #table: RoutingTable;
  #routes: ModelRoutes;

  constructor(options: EndpointBackendOptions) {
    this.#options = options;
    this.#table = options.table;
    this.#routes = new ModelRoutes(options.table);
    this.#resilience = options.resilience;
    this.#tryParts = { resilience: () => this.#resilience, clock: options.clock };
    this.replaceTable(options.table);
  }

  /** Requests that come from now on are routed by this table; those under way keep their endpoint. */
  replaceTable(table: RoutingTable, resilience: Resilience = this.#resilience): void {
    this.#table = table;
    this.#routes = new ModelRoutes(table);
    this.#resilience = resilience;
    this.#options.router.replaceEndpoints(table.endpoints, table.policy, table.rules);
  }

  get unavailable(): ApiError | undefined {
    const mayWait = this.#resilience.policy.queue.waitMsMax > 0;
    return mayWait ? undefined : unavailableOf(this.#table.endpoints);
  }

  send(request: BackendRequest, take: TakeAnswer): void {
    const facts = this.#options.router.prompts.read(request);
    if ('refused' in facts) return take({ kind: 'failed', error: facts.refused });
    const route = this.#routes.of(facts.model, request.modelsAllowed);
    if (route.kind === 'unknown') {
      const error = modelNotFound(facts.model ?? '', route.served);
      return take({ kind: 'failed', error });
    }
    this.#resilience.noteRequest();
    const hints = hintsOf(request.headers, facts.model, this.#table.rules ?? routingDefaults);
    const { choices } = route;
    const asked: Asked = {
      request,
      facts,
      hints,
      choices,
      candidates: nobody,
      tried: nobody,
      take,
      tokens: undefined,
    };
    const chosen = this.#options.router.isTold ? undefined : this.#choose(asked);
    if (chosen === undefined) void this.#sendLater(asked);
    else this.#sendTo(asked, chosen);
  }

  /** Nobody may take it yet, or its tokens are to be asked for before it is known who should. */
  async #sendLater(asked: Asked): Promise<void> {
    try {
      const telling = this.#tellingOf(asked);
      if (telling !== undefined)
        asked.tokens = await this.#tokenizer.tokensOf(telling.request, telling.engine);
      const chosen = this.#choose(asked) ?? (await this.#chooseInLine(asked));
      if ('dispatch' in chosen) this.#sendTo(asked, chosen);
      else asked.take(chosen);
    } catch (error) {
      asked.take(failedHere(error));
    }
  }

  /** Hands on the answer that stays. */
  #take(asked: Asked, answer: BackendAnswer): void {
    const { request, facts, take } = asked;
    const { continuation } = this.#resilience.policy;
    if (continuation === undefined || !facts.isStream) return take(answer);
    const continued = continuable(answer, {
      request,
      bounds: continuation,
      from: asked.tried.at(-1)?.options.name ?? '',
      goOn: (rest) => this.#goOn(asked, rest),
    });
    take(continued);
  }

  /** Whom to ask for the prompt's tokens: where one that may answer tells what it holds of its first model, adapters aside. */
  #tellingOf({
    request,
    choices,
    tried,
  }: Asked): { readonly request: BackendRequest; readonly engine: TokenizingEngine } | undefined {
    const [first] = choices;
    if (first === undefined || !this.#options.router.isTold) return undefined;
    const endpoint = this.#options.router.tellingOf(this.#candidates(first.endpoints, tried));
    const model = endpoint?.models[0]?.id;
    if (endpoint === undefined || model === undefined) return undefined;
    if (first.model !== undefined && first.model !== model) return undefined;
    return { request, engine: { backend: endpoint.backend, model } };
  }

  /** Hands an answer on, unless its endpoint lost the request, or turned it away, and the policy lets another have it. */
  #noteAnswer(asked: Asked, answer: BackendAnswer): void {
    const end = endOf(answer);
    if (end === 'answered') return this.#take(asked, answer);
    const { clock, prng } = this.#options;
    const { policy, retryBudget, counts } = this.#resilience;
    const soFar = {
      tries: asked.tried.length,
      leftMs: Infinity,
      isAnotherLeft: this.#isAnotherLeft(asked),
      spend: () => retryBudget.spend(),
    };
    const decision = decideRetry(end, soFar, { ...policy.retry, prng });
    if (decision.kind === 'retry') {
      const again = (): void => this.#sendAgain(asked, answer);
      return afterPause(clock, { ...decision, cancellation: asked.request.cancellation }, again);
    }
    if (decision.reason === 'budget') counts.note('retries refused by the budget');
    this.#take(asked, answer);
  }

  #sendAgain(asked: Asked, lost: BackendAnswer): void {
    const next = this.#choose(asked);
    if (next === undefined) return this.#take(asked, lost);
    if (lost.kind === 'answered') discardBody(lost.message.body);
    this.#resilience.counts.note('retries');
    this.#sendTo(asked, next);
  }

  /** Where the policy says so, a stream that begins late is asked for at a second endpoint too. */
  #sendTo(asked: Asked, chosen: Chosen): void {
    const { facts } = asked;
    const afterMs = facts.isStream ? this.#resilience.hedgeAfterMs(facts.promptTokens) : undefined;
    const take: TakeAnswer = (answer) => this.#noteAnswer(asked, answer);
    if (afterMs === undefined)
      return this.#try(chosen.dispatch, withModel(asked.request, facts, chosen.model), take);
    const attempt = ({ dispatch, model }: Chosen): Attempt => {
      const cancellation = asked.request.cancellation.fork();
      const request = withModel({ ...asked.request, cancellation }, facts, model);
      return { answer: this.#tried(dispatch, request), cancellation };
    };
    const answer = hedgedAnswer(attempt(chosen), {
      clock: this.#options.clock,
      afterMs,
      openSecond: () => {
        if (!this.#isAnotherLeft(asked) || !this.#resilience.spendHedge()) return undefined;
        const second = this.#choose(asked);
        if (second === undefined) return undefined;
        this.#resilience.counts.note('hedges');
        return attempt(second);
      },
    });
    takeLater(answer, take);
  }

  #try(dispatch: Dispatch, request: BackendRequest, take: TakeAnswer): void {
    new EndpointTry(this.#tryParts, dispatch, take).send(request);
  }

  #tried(dispatch: Dispatch, request: BackendRequest): Promise<BackendAnswer> {
    return new Promise((resolve) => this.#try(dispatch, request, resolve));
  }

  /** The endpoint for a request among those that were not tried, by the first model that one of them may answer. */
  #choose(asked: Asked): Chosen | undefined {
    for (const { model, endpoints } of asked.choices) {
      asked.candidates = this.#candidates(endpoints, asked.tried);
      if (asked.candidates.length === 0) continue;
      const dispatch = this.#options.router.dispatch(asked.facts, model, asked);
      if (dispatch === undefined) continue;
      asked.tried =
        asked.tried === nobody ? [dispatch.endpoint] : [...asked.tried, dispatch.endpoint];
      return { dispatch, model };
    }
    return undefined;
  }

  /** Waits until an endpoint may take the request, or until the line says that none will. */
  async #chooseInLine(asked: Asked): Promise<Chosen | BackendAnswer> {
    const { clock } = this.#options;
    const { line, policy, counts } = this.#resilience;
    if (policy.queue.waitMsMax > 0) counts.note('waits');
    const ticket = line.take();
    const untilMs = clock.nowMs() + policy.queue.waitMsMax;
    for (;;) {
      const leftMs = untilMs - clock.nowMs();
      const waitMs = Math.min(leftMs, waitLookMs);
      const end = await line.wait(ticket, waitMs, asked.request.cancellation);
      if (end === 'left') return { kind: 'abandoned' };
      const chosen = end === 'full' ? undefined : this.#choose(asked);
      if (chosen !== undefined) return chosen;
      if (end === 'full' || leftMs <= waitLookMs) {
        const known = asked.choices.flatMap(({ endpoints }) => endpoints);
        counts.note('waits in vain');
        return { kind: 'failed', error: noneServing(known, (one) => this.#reasonAgainst(one)) };
      }
    }
  }

  /** Sends what is left of an answer to an endpoint that did not have it yet. */
  async #goOn(
    asked: Asked,
    rest: (
      endpoint: Endpoint,
      model: string | undefined,
    ) => BackendRequest | 'complete' | undefined,
  ): Promise<{ readonly answer: BackendAnswer; readonly to: string } | 'complete' | undefined> {
    if (asked.request.cancellation.reason !== undefined) return undefined;
    if (!this.#resilience.retryBudget.spend()) return undefined;
    const chosen = this.#choose(asked);
    if (chosen === undefined) return undefined;
    const { dispatch, model } = chosen;
    const request = rest(dispatch.endpoint, model);
    if (typeof request !== 'object') {
      dispatch.noteLost();
      dispatch[Symbol.dispose]();
      return request;
    }
    this.#resilience.counts.note('continuations');
    const answer = await this.#tried(dispatch, request);
    return { answer, to: dispatch.endpoint.options.name };
  }

  #reasonAgainst({ index, options }: Endpoint): string {
    if (this.#table.draining?.has(options.name) === true) return 'it drains';
    const waitMs = this.#resilience.circuits.waitMs(index);
    return waitMs > 0
      ? `too many of its answers failed, and it is tried again in ${waitMs} ms`
      : 'it has as many requests as it may';
  }

  #isAnotherLeft({ choices, tried }: Asked): boolean {
    return choices.some(({ endpoints }) => this.#candidates(endpoints, tried).length > 0);
  }

  /** Those that may take a request; where all may, as they are. */
  #candidates(endpoints: readonly Endpoint[], tried: readonly Endpoint[]): readonly Endpoint[] {
    for (let at = 0; at < endpoints.length; at++)
      if (!this.#mayTake(endpoints[at] as Endpoint, tried))
        return endpoints.filter((one) => this.#mayTake(one, tried));
    return endpoints;
  }

  #mayTake(one: Endpoint, tried: readonly Endpoint[]): boolean {
    return (
      isServing(one) &&
      this.#resilience.circuits.mayTry(one.index) &&
      !(tried.length > 0 && tried.includes(one)) &&
      this.#table.draining?.has(one.options.name) !== true
    );
  }
}

function isServing(endpoint: Endpoint): boolean {
  return endpoint.health.state === 'serving';
}

function endOf(answer: BackendAnswer): TryEnd | 'answered' {
  if (answer.kind === 'failed') return { kind: 'unanswered' };
  if (answer.kind === 'abandoned' || answer.message.status < 300) return 'answered';
  return { kind: 'status', status: answer.message.status };
}

/** Goes on after a pause; nobody waits longer for a client that has left. */
function afterPause(
  clock: Clock,
  { pauseMs, cancellation }: { readonly pauseMs: number; readonly cancellation: Cancellation },
  goOn: () => void,
): void {
  if (pauseMs <= 0) return goOn();
  const end = (): void => {
    timer.cancel();
    cancellation.unsubscribe(end);
    goOn();
  };
  const timer = clock.after(pauseMs, end);
  cancellation.subscribe(end);
}
