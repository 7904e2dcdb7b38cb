import {
  endpointFacts,
  EndpointTable,
  type PrefixChain,
  PrefixHasher,
  PrefixLedger,
  RequestCharge,
  type RoutePolicy,
  Router,
} from '@millrace/routing';
import { assert, seededPrng, VirtualClock } from '@millrace/stdx';
import { BlockCache } from './block-cache.ts';
import { tokensPerBlock, type TraceRequest } from './prefix-trace.ts';

/** A fleet of equal replicas. */
export interface FleetShape {
  readonly replicaCount: number;
  readonly blocksMax: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeMsPerToken: number;
}

/** What a trace came to under a policy. */
export interface FleetOutcome {
  /** Of all prompt blocks, the share that was cached where it was sent. */
  readonly hitRate: number;
  /** Prompt tokens computed by the busiest replica, over the mean. */
  readonly workSkew: number;
  /** Requests at the replica with the most, over the mean. */
  readonly requestSkew: number;
  readonly tokensComputed: number;
  readonly ttftMs: readonly number[];
  /** What each first token would have taken without a wait, with what the cache held when the prompt's turn came. */
  readonly prefillMs: readonly number[];
}

interface Replica {
  readonly cache: BlockCache;
  readonly waiting: Dispatched[];
  isComputing: boolean;
  tokensComputed: number;
  requestCount: number;
}

interface Dispatched {
  readonly request: TraceRequest;
  readonly chain: PrefixChain;
  readonly atMs: number;
  readonly promisedTokens: number;
  readonly charge: RequestCharge;
}

/**
 * Sends a trace through a router to replicas on a virtual clock. A replica computes one prompt at a time, in the order of
 * arrival, at a fixed speed; what its cache holds when a prompt's turn comes is not computed again. Answers are decoded
 * beside that and slow nothing. The router learns of a prompt's end what a gateway would: first token and cached tokens.
 */
export function simulateFleet(
  trace: readonly TraceRequest[],
  shape: FleetShape,
  run: { readonly policy: RoutePolicy; readonly seed: number; readonly timeScale: number },
): FleetOutcome {
  const fleet = new SimulatedFleet(shape, run.policy, run.seed);
  for (const request of trace) fleet.arrive(request, request.atMs * run.timeScale);
  return fleet.finish();
}

class SimulatedFleet {
  readonly #shape: FleetShape;
  readonly #clock = new VirtualClock();
  readonly #table: EndpointTable;
  readonly #ledger: PrefixLedger;
  readonly #router: Router;
  readonly #hasher = new PrefixHasher({ blockBytes: 64 });
  readonly #replicas: readonly Replica[];
  readonly #ttftMs: number[] = [];
  readonly #prefillMs: number[] = [];
  #blocksSeen = 0;
  #blocksCached = 0;
  #ended = 0;
  #arrived = 0;

  constructor(shape: FleetShape, policy: RoutePolicy, seed: number) {
    const { replicaCount, blocksMax } = shape;
    this.#shape = shape;
    this.#table = EndpointTable.create({
      clock: this.#clock,
      endpointsMax: replicaCount,
      memory: 'private',
    });
    this.#ledger = PrefixLedger.create(this.#clock, {
      endpointsMax: replicaCount,
      capacityBlocks: blocksMax,
      // Queues here are longer than in a gateway that refuses what it cannot serve in time.
      speculativeMs: 600_000,
    });
    const endpoints = Array.from({ length: replicaCount }, (_, index) =>
      endpointFacts({ id: `replica-${index}`, index, models: ['traced'] }),
    );
    this.#router = new Router({
      endpoints,
      table: this.#table,
      ledger: this.#ledger,
      policy,
      prng: seededPrng(seed),
    });
    this.#replicas = endpoints.map(() => ({
      cache: new BlockCache(blocksMax),
      waiting: [],
      isComputing: false,
      tokensComputed: 0,
      requestCount: 0,
    }));
  }

  arrive(request: TraceRequest, atMs: number): void {
    this.#clock.advance(Math.max(0, atMs - this.#clock.nowMs()));
    this.#arrived++;
    const chain = chainOf(request.blocks, this.#hasher);
    const { promptTokens, outputTokens: outputTokensMax } = request;
    const decision = this.#router.route({
      model: 'traced',
      promptTokens,
      outputTokensMax,
      chain,
      tokensPerBlock,
    });
    assert(decision.kind === 'picked', 'every replica can take every request');
    const { index } = decision.endpoint;
    const replica = this.#replicas[index] as Replica;
    const weight = { promptTokens, uncachedTokens: decision.uncachedTokens };
    this.#ledger.speculate(chain, index);
    replica.requestCount++;
    replica.waiting.push({
      request,
      chain,
      atMs: this.#clock.nowMs(),
      promisedTokens: decision.cachedTokens,
      charge: new RequestCharge(this.#table, index, weight),
    });
    if (!replica.isComputing) this.#computeNext(index);
  }

  /** Lets everything that has arrived end. */
  finish(): FleetOutcome {
    while (this.#ended < this.#arrived) this.#clock.advance(1_000_000);
    const tokens = this.#replicas.map((replica) => replica.tokensComputed);
    const requests = this.#replicas.map((replica) => replica.requestCount);
    return {
      hitRate: this.#blocksCached / this.#blocksSeen,
      workSkew: Math.max(...tokens) / mean(tokens),
      requestSkew: Math.max(...requests) / mean(requests),
      tokensComputed: tokens.reduce((sum, count) => sum + count, 0),
      ttftMs: this.#ttftMs,
      prefillMs: this.#prefillMs,
    };
  }

  #computeNext(index: number): void {
    const replica = this.#replicas[index] as Replica;
    const next = replica.waiting.shift();
    replica.isComputing = next !== undefined;
    if (next === undefined) return;
    const { blocks, promptTokens, outputTokens } = next.request;
    const cachedBlocks = replica.cache.use(blocks);
    const computed = Math.max(1, promptTokens - cachedBlocks * tokensPerBlock);
    this.#blocksSeen += blocks.length;
    this.#blocksCached += cachedBlocks;
    replica.tokensComputed += computed;
    const prefillMs = (1_000 * computed) / this.#shape.prefillTokensPerSecond;
    this.#prefillMs.push(prefillMs);
    this.#clock.after(prefillMs, () => {
      this.#ttftMs.push(this.#clock.nowMs() - next.atMs);
      next.charge.markFirstToken();
      this.#ledger.confirm(next.chain, index, cachedBlocks);
      this.#table.observeCachedTokens(index, {
        promised: next.promisedTokens,
        cached: Math.min(cachedBlocks * tokensPerBlock, promptTokens),
      });
      this.#clock.after(outputTokens * this.#shape.decodeMsPerToken, () => {
        next.charge[Symbol.dispose]();
        this.#ended++;
      });
      this.#computeNext(index);
    });
  }
}

/**
 * What no policy can go below: first tokens of replicas that nobody waits for, which all share one cache without bound.
 */
export function leastTtftMs(trace: readonly TraceRequest[], shape: FleetShape): readonly number[] {
  const cache = new BlockCache(Number.POSITIVE_INFINITY);
  return trace.map(({ blocks, promptTokens }) => {
    const computed = Math.max(1, promptTokens - cache.use(blocks) * tokensPerBlock);
    return (1_000 * computed) / shape.prefillTokensPerSecond;
  });
}

/** The chain of a prompt whose blocks are known by name only: each name is hashed as if it were the block's text. */
export function chainOf(blocks: readonly number[], hasher: PrefixHasher): PrefixChain {
  const text = new Int32Array((blocks.length * hasher.blockBytes) / 4);
  for (const [at, block] of blocks.entries()) text[(at * hasher.blockBytes) / 4] = block;
  const { words, blockCount } = hasher.hash(new Uint8Array(text.buffer));
  return { words: words.slice(0, 2 * blockCount), first: 0, blockCount };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
