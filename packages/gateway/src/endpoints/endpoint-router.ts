import {
  contextFilter,
  type Decision,
  EndpointTable,
  endpointFacts,
  loadScorer,
  lowestCostPicker,
  type PrefixChain,
  PrefixHasher,
  PrefixLedger,
  prefixScorer,
  RequestCharge,
  roundRobinPicker,
  Router,
  type RoutePolicy,
  type RouteRequest,
  type Scorer,
  standardFilters,
} from '@millrace/routing';
import { assertDefined, type Clock, type Prng } from '@millrace/stdx';
import type { EndpointModel } from '../engines/identify.ts';
import { createEndpointMemory, type EndpointMemory } from './endpoint-memory.ts';
import type { Endpoint } from './endpoint.ts';
import { type PromptFacts, tokensPerBlock } from './prompt-facts.ts';

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
}

/** How endpoints are chosen; all but `prefix` are for comparison, or where prompts have nothing in common. */
export type RoutingPolicyName = 'prefix' | 'least-load' | 'round-robin';

export const routingPolicyNames: readonly RoutingPolicyName[] = [
  'prefix',
  'least-load',
  'round-robin',
];

/** A request on its way to an endpoint. */
export interface Dispatch extends Disposable {
  readonly endpoint: Endpoint;
  /** The answer has begun: the prompt is computed, and the endpoint has it. */
  noteAnswered(): void;
  /** The endpoint did not take the request. */
  noteLost(): void;
}

/** Prompt tokens of another gateway's request, where only their number is known. */
const tokensOfOthers = 256;

const loadForWeight: Scorer = {
  name: 'load',
  score: (candidate, request) => loadScorer.score(candidate, request) / candidate.facts.weight,
};

/** `prefix`: load for its weight, and three times the tokens that are not cached, as `bench routing` found best. */
const policies: Readonly<Record<RoutingPolicyName, RoutePolicy>> = {
  prefix: {
    filters: standardFilters,
    scorers: [
      { scorer: loadForWeight, weight: 1 },
      { scorer: prefixScorer, weight: 3 },
    ],
    picker: lowestCostPicker,
  },
  'least-load': {
    filters: standardFilters,
    scorers: [{ scorer: loadForWeight, weight: 1 }],
    picker: lowestCostPicker,
  },
  'round-robin': { filters: standardFilters, scorers: [], picker: roundRobinPicker },
};

/** Tokens are only estimated here: where no context seems long enough, the engine says whether the prompt fits. */
function leniently(policy: RoutePolicy): RoutePolicy {
  return { ...policy, filters: policy.filters.filter((filter) => filter !== contextFilter) };
}

/** Chooses the endpoint of a request by load and by which endpoint holds its prompt's beginning. */
export class EndpointRouter {
  readonly #options: EndpointRouterOptions;
  readonly #table: EndpointTable;
  readonly #ledger: PrefixLedger;
  readonly #hasher = new PrefixHasher();
  #endpoints: readonly Endpoint[] = [];
  #policy: RoutingPolicyName = 'prefix';
  #modelsRouted: readonly (readonly EndpointModel[])[] = [];
  #routers: readonly Router[] | undefined;

  constructor(options: EndpointRouterOptions) {
    const { clock, lane = 0 } = options;
    const { table, ledger } = options.memory ?? createEndpointMemory({ ...options, lanesMax: 1 });
    this.#options = options;
    this.#table = EndpointTable.open(table, clock, lane);
    this.#ledger = PrefixLedger.open(ledger, clock);
  }

  /** Takes over these endpoints; what is known of each stays at its place in the memory. */
  replaceEndpoints(endpoints: readonly Endpoint[], policy: RoutingPolicyName): void {
    this.#policy = policy;
    this.#endpoints = endpoints;
    this.#routers = undefined;
  }

  /** Sends a request on its way to one of `candidates`; undefined when none of them may take it. */
  dispatch(
    facts: PromptFacts,
    model: string | undefined,
    candidates: readonly Endpoint[],
  ): Dispatch | undefined {
    for (const endpoint of candidates) this.#reportLoad(endpoint);
    const chain = this.#hasher.hash(facts.prompt);
    const request = {
      promptTokens: facts.promptTokens,
      outputTokensMax: facts.outputTokensMax,
      subset: candidates.map(({ options }) => options.name),
      chain,
      tokensPerBlock: tokensPerBlock(this.#hasher.blockBytes),
    };
    const names = model === undefined ? candidates.flatMap(modelIds) : [model];
    const decision = this.#decide(names.map((name) => ({ ...request, model: name })));
    if (decision?.kind !== 'picked') return undefined;
    const { id } = decision.endpoint;
    const endpoint = assertDefined(
      candidates.find(({ options }) => options.name === id),
      'a candidate is picked',
    );
    return this.#charge(endpoint, { chain, facts, uncachedTokens: decision.uncachedTokens });
  }

  /** The first of these requests that an endpoint may take, by the strictest policy that lets one. */
  #decide(requests: readonly RouteRequest[]): Decision | undefined {
    for (const router of this.#currentRouters()) {
      for (const request of requests) {
        const decision = router.route(request);
        if (decision.kind === 'picked') return decision;
      }
    }
    return undefined;
  }

  #charge(
    endpoint: Endpoint,
    step: {
      readonly chain: PrefixChain;
      readonly facts: PromptFacts;
      readonly uncachedTokens: number;
    },
  ): Dispatch {
    const { index } = endpoint;
    const { promptTokens } = step.facts;
    const charge = new RequestCharge(this.#table, index, {
      promptTokens,
      uncachedTokens: step.uncachedTokens,
    });
    // The hasher's words are its own: the next request writes over them.
    const { blockCount } = step.chain;
    const chain = { words: step.chain.words.slice(0, 2 * blockCount), blockCount };
    this.#ledger.speculate(chain, index);
    endpoint.activeCount++;
    let isOver = false;
    return {
      endpoint,
      noteAnswered: () => {
        charge.markFirstToken();
        this.#ledger.confirm(chain, index, 0);
      },
      noteLost: () => this.#ledger.remove(chain, index, 0),
      [Symbol.dispose]: () => {
        if (isOver) return;
        isOver = true;
        endpoint.activeCount--;
        charge[Symbol.dispose]();
      },
    };
  }

  /** What discovery found may have changed since the routers were made. */
  #currentRouters(): readonly Router[] {
    const models = this.#endpoints.map((endpoint) => endpoint.models);
    const isCurrent = models.every((one, at) => one === this.#modelsRouted[at]);
    if (this.#routers !== undefined && isCurrent) return this.#routers;
    this.#modelsRouted = models;
    const parts = {
      endpoints: this.#endpoints.map((endpoint) => this.#factsOf(endpoint)),
      table: this.#table,
      ledger: this.#ledger,
      prng: this.#options.random,
    };
    const policy = policies[this.#policy];
    this.#routers = [policy, leniently(policy)].map(
      (each) => new Router({ ...parts, policy: each }),
    );
    return this.#routers;
  }

  #factsOf(endpoint: Endpoint): ReturnType<typeof endpointFacts> {
    const { name, weight } = endpoint.options;
    const contexts = endpoint.models.flatMap(({ contextTokensMax }) => contextTokensMax ?? []);
    return endpointFacts({
      id: name,
      index: endpoint.index,
      engine: endpoint.kind,
      models: modelIds(endpoint),
      weight,
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
