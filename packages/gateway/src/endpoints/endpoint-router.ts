import {
  classifyWorkload,
  contextFilter,
  type Decision,
  type DecisionRecord,
  EndpointTable,
  endpointFacts,
  type ExactPrefixes,
  LearnedFigures,
  type PrefixChain,
  PrefixLedger,
  Router,
  type RoutePolicy,
  type RouteRequest,
  tokenChain,
  type WorkloadRule,
} from '@millrace/routing';
import { assertDefined, type Clock, type Prng } from '@millrace/stdx';
import type { EndpointModel } from '../engines/identify.ts';
import { qualityTierOf } from '../engines/quantization.ts';
import { Dispatch, type DispatchBooks } from './dispatch.ts';
import { createEndpointMemory, type EndpointMemory } from './endpoint-memory.ts';
import { areModelsOf, type Endpoint } from './endpoint.ts';
import { noChain, type PromptFacts, PromptReader, promptTokensPerBlock } from './prompt-facts.ts';
import {
  policyFor,
  type RouteHints,
  routingDefaults,
  type RoutingPolicyName,
  type RoutingRules,
} from './routing-rules.ts';

/** What choosing endpoints needs. */
export interface EndpointRouterOptions {
  readonly clock: Clock;
  readonly random: Prng;
  /** Endpoints at once, those that are leaving included. */
  readonly endpointsMax: number;
  /** Memory of the ledger of prefixes. */
  readonly ledgerBytes: number;
  /** What lanes share; absent: there is one lane, with memory of its own. */
  readonly memory?: EndpointMemory;
  /** Which lane this is. */
  readonly lane?: number;
  /** Told of a share of all decisions, as records that can be made again. */
  readonly recorder?: DecisionRecorder;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Keeps records of decisions. */
export interface DecisionRecorder {
  /** Of all decisions, from 0 to 1. */
  readonly share: number;
  note(record: DecisionRecord): void;
}

/** Prompt tokens of another gateway's request, where only their number is known. */
const tokensOfOthers = 256;

/** Tokens are only estimated here: where no context seems long enough, the engine says whether the prompt fits. */
function leniently(policy: RoutePolicy): RoutePolicy {
  return { ...policy, filters: policy.filters.filter((filter) => filter !== contextFilter) };
}

/** What is asked beside the prompt. */
interface Asked {
  readonly candidates: readonly Endpoint[];
  readonly hints: RouteHints;
  /** The prompt's tokens, where they are known. */
  readonly tokens?: Int32Array | undefined;
}

/** Chooses the endpoint of a request by load and by which endpoint holds its prompt's beginning. */
export class EndpointRouter {
  /** Reads requests in the form by which they are routed. */
  readonly prompts: PromptReader = new PromptReader();
  readonly #options: EndpointRouterOptions;
  readonly #table: EndpointTable;
  readonly #ledger: PrefixLedger;
  #endpoints: readonly Endpoint[] = [];
  readonly #learned = new LearnedFigures();
  readonly #matched: Int32Array;
  readonly #blockSizes: Uint16Array;
  readonly #exact: ExactPrefixes;
  readonly #books: DispatchBooks;
  /** What the next decision is made for: one object for all of them. */
  readonly #request: Writable<RouteRequest> = blankRequest();
  #policy: RoutingPolicyName = 'prefix';
  #rules: RoutingRules = routingDefaults;
  #engineKinds: readonly string[] = [];
  #modelsRouted: readonly (readonly EndpointModel[])[] = [];
  #routers: readonly Router[] | undefined;

  constructor(options: EndpointRouterOptions) {
    const { clock, lane = 0 } = options;
    const memory = options.memory ?? createEndpointMemory({ ...options, lanesMax: 1 });
    const { table, ledger } = memory;
    this.#blockSizes = new Uint16Array(memory.blockSizes);
    this.#exact = {
      ledger: PrefixLedger.open(memory.exactLedger, clock),
      blockSizes: this.#blockSizes,
    };
    this.#options = options;
    this.#table = EndpointTable.open(table, clock, lane);
    this.#ledger = PrefixLedger.open(ledger, clock);
    this.#matched = new Int32Array(this.#ledger.endpointsMax);
    this.#books = {
      table: this.#table,
      ledger: this.#ledger,
      learned: this.#learned,
    };
  }

  /** Takes over these endpoints; what is known of each stays at its place in the memory. */
  replaceEndpoints(
    endpoints: readonly Endpoint[],
    policy: RoutingPolicyName,
    rules: RoutingRules = routingDefaults,
  ): void {
    this.#policy = policy;
    this.#rules = rules;
    this.#endpoints = endpoints;
    this.#routers = undefined;
  }

  /** Sends a request on its way to one of `candidates`; undefined when none of them may take it. */
  dispatch(facts: PromptFacts, model: string | undefined, asked: Asked): Dispatch | undefined {
    const { candidates } = asked;
    for (let at = 0; at < candidates.length; at++) this.#reportLoad(candidates[at] as Endpoint);
    const routers = this.#currentRouters();
    const rule = this.#ruleFor(facts, asked);
    this.#fillRequest(facts, asked, rule);
    const decision =
      model === undefined
        ? this.#decideAmong(routers, candidates.flatMap(modelIds))
        : this.#decide(routers, model);
    if (decision?.kind !== 'picked') return undefined;
    const { cachedTokens, uncachedTokens } = decision;
    const { chain, promptTokens, outputTokensMax } = facts;
    return new Dispatch(this.#books, {
      endpoint: assertDefined(endpointOf(decision, candidates), 'a candidate is picked'),
      prompt: { chain, promptTokens, outputTokensMax },
      cachedTokens,
      uncachedTokens,
      className: rule?.name,
    });
  }

  #fillRequest(facts: PromptFacts, asked: Asked, rule: WorkloadRule | undefined): void {
    const { candidates, hints, tokens } = asked;
    const { msPerCost } = this.#rules;
    const request = this.#request;
    request.promptTokens = facts.promptTokens;
    request.outputTokensMax = facts.outputTokensMax;
    request.chain = facts.chain;
    // Where all may take it there is nothing to compare, once for each of them.
    request.subset = areSame(candidates, this.#endpoints)
      ? undefined
      : candidates.map(({ options }) => options.name);
    request.sessionHash = hints.sessionHash;
    request.qualityTierMin = hints.qualityTierMin;
    request.enginesPreferred =
      rule === undefined
        ? undefined
        : this.#learned.order(rule, { engines: this.#engineKinds, msPerCost });
    request.exact = tokens === undefined ? undefined : this.#exactOf(candidates, tokens);
  }

  /** Whether any endpoint tells what its cache holds. */
  get isTold(): boolean {
    return this.#endpoints.some(({ index }) => this.#blockSizes[index] !== 0);
  }

  /** An endpoint that tells what its cache holds, of these; the one with the fewest requests. */
  tellingOf(candidates: readonly Endpoint[]): Endpoint | undefined {
    let found: Endpoint | undefined;
    for (const endpoint of candidates) {
      if ((this.#blockSizes[endpoint.index] as number) === 0) continue;
      if (found === undefined || endpoint.activeCount < found.activeCount) found = endpoint;
    }
    return found;
  }

  /** The prompt by its tokens, in blocks of the size that the first endpoint has which tells of its own. */
  #exactOf(candidates: readonly Endpoint[], tokens: Int32Array): RouteRequest['exact'] {
    const telling = this.tellingOf(candidates);
    if (telling === undefined) return undefined;
    const blockSize = this.#blockSizes[telling.index] as number;
    const chain = tokenChain(tokens, blockSize, 0);
    this.#exact.ledger.noteUsed(chain);
    return { chain, blockSize };
  }

  /** Where the request goes as the first of these models that an endpoint may answer, by the strictest policy that lets one. */
  #decideAmong(routers: readonly Router[], models: readonly string[]): Decision | undefined {
    for (const router of routers) {
      for (const model of models) {
        const decision = this.#decide([router], model);
        if (decision !== undefined) return decision;
      }
    }
    return undefined;
  }

  #decide(routers: readonly Router[], model: string): Decision | undefined {
    this.#request.model = model;
    for (let at = 0; at < routers.length; at++) {
      const router = routers[at] as Router;
      const decision = router.route(this.#request);
      if (decision.kind !== 'picked') continue;
      this.#record(router);
      return decision;
    }
    return undefined;
  }

  #record(router: Router): void {
    const { recorder, random } = this.#options;
    if (recorder === undefined || random.next() >= recorder.share) return;
    const record = router.lastRecord();
    if (record !== undefined) recorder.note(record);
  }

  /** The class of a request; where all engines are alike there is nothing to tell apart. */
  #ruleFor(facts: PromptFacts, asked: Asked): WorkloadRule | undefined {
    if (this.#engineKinds.length < 2) return undefined;
    const { chain, promptTokens, outputTokensMax } = facts;
    return classifyWorkload(
      {
        promptTokens,
        outputTokensMax,
        cachedShare: this.#cachedShareOf(chain),
        concurrency: asked.candidates.reduce(
          (sum, { index }) => sum + this.#table.concurrencyOf(index),
          0,
        ),
        isLatencyCritical: asked.hints.isLatencyCritical,
      },
      this.#rules.workloads,
    );
  }

  #cachedShareOf(chain: PrefixChain): number {
    if (chain.blockCount === 0) return 0;
    return this.#ledger.match(chain, this.#matched) / chain.blockCount;
  }

  /** What discovery found may have changed since the routers were made. */
  #currentRouters(): readonly Router[] {
    if (this.#routers !== undefined && areModelsOf(this.#endpoints, this.#modelsRouted))
      return this.#routers;
    this.#modelsRouted = this.#endpoints.map(({ models }) => models);
    const parts = {
      endpoints: this.#endpoints.map((endpoint) => this.#factsOf(endpoint)),
      table: this.#table,
      ledger: this.#ledger,
      prng: this.#options.random,
      exact: this.#exact,
    };
    this.#engineKinds = [...new Set(this.#endpoints.map(({ kind }) => kind))];
    const policy = policyFor(this.#policy, this.#rules);
    this.#routers = [policy, leniently(policy)].map(
      (each) => new Router({ ...parts, policy: each }),
    );
    return this.#routers;
  }

  #factsOf(endpoint: Endpoint): ReturnType<typeof endpointFacts> {
    const { name, weight, tier, costPerMillionTokens, concurrencyMax } = endpoint.options;
    const tiers = endpoint.models.map(({ quantization }) => qualityTierOf(quantization));
    const contexts = endpoint.models.flatMap(({ contextTokensMax }) => contextTokensMax ?? []);
    return endpointFacts({
      id: name,
      index: endpoint.index,
      engine: endpoint.kind,
      models: modelIds(endpoint),
      weight,
      qualityTier: tier ?? Math.min(100, ...tiers),
      ...(costPerMillionTokens !== undefined && { costPerMillionTokens }),
      ...(concurrencyMax !== undefined && { concurrencyMax }),
      ...(contexts.length > 0 && { contextTokensMax: Math.max(...contexts) }),
    });
  }

  /** What an engine says waits there beyond our own requests. */
  #reportLoad(endpoint: Endpoint): void {
    const { load, index } = endpoint;
    const told = load === undefined ? 0 : (load.running ?? 0) + (load.waiting ?? 0);
    const others = told === 0 ? 0 : Math.max(0, told - this.#table.concurrencyOf(index));
    this.#table.report(index, 'waitingTokens', others * tokensOfOthers);
  }
}

function modelIds(endpoint: Endpoint): readonly string[] {
  return endpoint.models.map(({ id }) => id);
}

function blankRequest(): Writable<RouteRequest> {
  return {
    model: '',
    promptTokens: 0,
    outputTokensMax: 0,
    chain: noChain,
    tokensPerBlock: promptTokensPerBlock,
    subset: undefined,
    sessionHash: undefined,
    qualityTierMin: undefined,
    enginesPreferred: undefined,
    exact: undefined,
  };
}

function areSame(some: readonly Endpoint[], others: readonly Endpoint[]): boolean {
  if (some === others) return true;
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at++) if (some[at] !== others[at]) return false;
  return true;
}

function endpointOf(
  { endpoint: picked }: Extract<Decision, { readonly kind: 'picked' }>,
  candidates: readonly Endpoint[],
): Endpoint | undefined {
  for (let at = 0; at < candidates.length; at++) {
    const candidate = candidates[at] as Endpoint;
    if (candidate.index === picked.index && candidate.options.name === picked.id) return candidate;
  }
  // One of this name that a new configuration gave another place.
  return candidates.find(({ options }) => options.name === picked.id);
}
