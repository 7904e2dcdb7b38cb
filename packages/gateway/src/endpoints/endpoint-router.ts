import {
  classifyWorkload,
  contextFilter,
  type Decision,
  type DecisionRecord,
  EndpointTable,
  endpointFacts,
  type ExactPrefixes,
  LearnedFigures,
  PrefixLedger,
  Router,
  type RoutePolicy,
  type RouteRequest,
  tokenChain,
} from '@millrace/routing';
import { assertDefined, type Clock, type Prng } from '@millrace/stdx';
import type { EndpointModel } from '../engines/identify.ts';
import { qualityTierOf } from '../engines/quantization.ts';
import { Dispatch, type DispatchBooks } from './dispatch.ts';
import { createEndpointMemory, type EndpointMemory } from './endpoint-memory.ts';
import type { Endpoint } from './endpoint.ts';
import { type PromptFacts, PromptReader, promptTokensPerBlock } from './prompt-facts.ts';
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
  dispatch(
    facts: PromptFacts,
    model: string | undefined,
    asked: {
      readonly candidates: readonly Endpoint[];
      readonly hints: RouteHints;
      /** The prompt's tokens, where they are known. */
      readonly tokens?: Int32Array | undefined;
    },
  ): Dispatch | undefined {
    const { candidates, hints } = asked;
    for (const endpoint of candidates) this.#reportLoad(endpoint);
    const routers = this.#currentRouters();
    const { className, engines } = this.#workloadOf(facts, asked);
    const request: Writable<RouteRequest> = {
      model: '',
      promptTokens: facts.promptTokens,
      outputTokensMax: facts.outputTokensMax,
      chain: facts.chain,
      tokensPerBlock: promptTokensPerBlock,
    };
    // Where all may take it there is nothing to compare, once for each of them.
    if (candidates.length < this.#endpoints.length)
      request.subset = candidates.map(({ options }) => options.name);
    if (hints.sessionHash !== undefined) request.sessionHash = hints.sessionHash;
    if (hints.qualityTierMin !== undefined) request.qualityTierMin = hints.qualityTierMin;
    if (engines !== undefined) request.enginesPreferred = engines;
    if (asked.tokens !== undefined) this.#addExact(request, candidates, asked.tokens);
    const names = model === undefined ? candidates.flatMap(modelIds) : [model];
    const decision = this.#decide(routers, request, names);
    if (decision?.kind !== 'picked') return undefined;
    const { id } = decision.endpoint;
    const endpoint = assertDefined(
      candidates.find(({ options }) => options.name === id),
      'a candidate is picked',
    );
    const { cachedTokens, uncachedTokens } = decision;
    return new Dispatch(this.#books, {
      endpoint,
      facts,
      cachedTokens,
      uncachedTokens,
      className,
    });
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
  #addExact(
    request: Writable<RouteRequest>,
    candidates: readonly Endpoint[],
    tokens: Int32Array,
  ): void {
    const telling = this.tellingOf(candidates);
    if (telling === undefined) return;
    const blockSize = this.#blockSizes[telling.index] as number;
    const chain = tokenChain(tokens, blockSize, 0);
    this.#exact.ledger.noteUsed(chain);
    request.exact = { chain, blockSize };
  }

  /** Where the request goes as the first of these models that an endpoint may answer, by the strictest policy that lets one. */
  #decide(
    routers: readonly Router[],
    request: Writable<RouteRequest>,
    models: readonly string[],
  ): Decision | undefined {
    for (const router of routers) {
      for (const model of models) {
        request.model = model;
        const decision = router.route(request);
        if (decision.kind !== 'picked') continue;
        this.#record(router);
        return decision;
      }
    }
    return undefined;
  }

  #record(router: Router): void {
    const { recorder, random } = this.#options;
    if (recorder === undefined || random.next() >= recorder.share) return;
    const record = router.lastRecord();
    if (record !== undefined) recorder.note(record);
  }

  /** The class of a request and the engines that suit it; where all engines are alike there is nothing to prefer. */
  #workloadOf(
    { chain, promptTokens, outputTokensMax }: PromptFacts,
    asked: { readonly candidates: readonly Endpoint[]; readonly hints: RouteHints },
  ): { readonly className: string | undefined; readonly engines: readonly string[] | undefined } {
    if (this.#engineKinds.length < 2) return { className: undefined, engines: undefined };
    const { workloads, msPerCost } = this.#rules;
    const cachedBlocks = this.#ledger.match(chain, this.#matched);
    const rule = classifyWorkload(
      {
        promptTokens,
        outputTokensMax,
        cachedShare: chain.blockCount === 0 ? 0 : cachedBlocks / chain.blockCount,
        concurrency: asked.candidates.reduce(
          (sum, { index }) => sum + this.#table.concurrencyOf(index),
          0,
        ),
        isLatencyCritical: asked.hints.isLatencyCritical,
      },
      workloads,
    );
    const engines = this.#learned.order(rule, { engines: this.#engineKinds, msPerCost });
    return { className: rule.name, engines };
  }

  /** What discovery found may have changed since the routers were made. */
  #currentRouters(): readonly Router[] {
    const isCurrent = this.#endpoints.every(({ models }, at) => models === this.#modelsRouted[at]);
    if (this.#routers !== undefined && isCurrent) return this.#routers;
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
    const told = (load?.running ?? 0) + (load?.waiting ?? 0);
    const others = Math.max(0, told - this.#table.concurrencyOf(index));
    this.#table.report(index, 'waitingTokens', others * tokensOfOthers);
  }
}

function modelIds(endpoint: Endpoint): readonly string[] {
  return endpoint.models.map(({ id }) => id);
}
