// Hot path: `route` once a request. Allocates the decision that it returns.
import { assert, type Prng } from '@millrace/stdx';
import { decide, type DecisionInput, type DecisionRoom, decisionRoom } from './decide.ts';
import { type DecisionRecord, recordDecision } from './decision-record.ts';
import type { Candidate, EndpointFacts } from './endpoints/endpoint.ts';
import type { EndpointTable, MutableLoad } from './endpoints/endpoint-table.ts';
import { uncachedTokens } from './endpoints/endpoint.ts';
import type { PrefixLedger } from './prefix-index/prefix-ledger.ts';
import { type RoutePolicy, standardPolicy } from './route-policy.ts';
import type { RouteRequest } from './route-request.ts';
import { predictTtftMs } from './scorers/standard-scorers.ts';

/** What a router decides from. */
export interface RouterParts {
  readonly endpoints: readonly EndpointFacts[];
  readonly table: EndpointTable;
  readonly prng: Prng;
  /** Absent where prefixes are not to count. */
  readonly ledger?: PrefixLedger;
  readonly policy?: RoutePolicy;
  /** Absent where no engine tells what its cache holds. */
  readonly exact?: ExactPrefixes;
}

/** What engines themselves say that their caches hold. */
export interface ExactPrefixes {
  readonly ledger: PrefixLedger;
  /** Tokens in a block of each endpoint, by index; 0 where it does not tell. */
  readonly blockSizes: Uint16Array;
}

/** Where a request goes, or why it can go nowhere. */
export type Decision =
  | {
      readonly kind: 'picked';
      readonly endpoint: EndpointFacts;
      /** Prompt tokens that the endpoint is expected to have. */
      readonly cachedTokens: number;
      readonly uncachedTokens: number;
      readonly predictedTtftMs: number;
    }
  | {
      readonly kind: 'none';
      /** How many endpoints each reason kept out. */
      readonly reasons: Readonly<Record<string, number>>;
    };

type MutableCandidate = MutableLoad & { readonly facts: EndpointFacts; matchedTokens: number };

/** Chooses endpoints for requests. Changes nothing: whoever dispatches charges the endpoint and tells the ledger. */
export class Router {
  readonly #parts: RouterParts;
  readonly #policy: RoutePolicy;
  readonly #candidates: readonly MutableCandidate[];
  readonly #room: DecisionRoom;
  readonly #matchedBlocks: Int32Array;
  readonly #matchedExactly: Int32Array;
  #turn = 0;
  #last: DecisionInput | undefined;

  constructor(parts: RouterParts) {
    this.#parts = parts;
    this.#policy = parts.policy ?? standardPolicy;
    this.#candidates = parts.endpoints.map(candidateOf);
    this.#room = decisionRoom(parts.endpoints.length);
    this.#matchedBlocks = new Int32Array(parts.table.endpointsMax);
    this.#matchedExactly = new Int32Array(parts.table.endpointsMax);
    for (const { id, index } of parts.endpoints) {
      const endpointsMax = Math.min(
        parts.table.endpointsMax,
        parts.ledger?.endpointsMax ?? Infinity,
      );
      assert(index >= 0 && index < endpointsMax, `endpoint ${id} has index ${index}`);
    }
  }

  route(request: RouteRequest): Decision {
    this.#look(request);
    const { prng } = this.#parts;
    const input: DecisionInput = {
      request,
      candidates: this.#candidates,
      turn: this.#turn++,
      draws: [prng.next(), prng.next()],
    };
    this.#last = input;
    const picked = this.#candidates[decide(input, this.#policy, this.#room)];
    if (picked === undefined) return { kind: 'none', reasons: this.#reasonCounts() };
    return {
      kind: 'picked',
      endpoint: picked.facts,
      cachedTokens: Math.min(picked.matchedTokens, request.promptTokens),
      uncachedTokens: uncachedTokens(picked, request.promptTokens),
      predictedTtftMs: predictTtftMs(picked, request.promptTokens),
    };
  }

  /** The record of the latest decision, as long as no other is made; `undefined` before the first. */
  lastRecord(): DecisionRecord | undefined {
    return this.#last === undefined ? undefined : recordDecision(this.#last, this.#policy);
  }

  /** Takes down how every endpoint stands at this moment. */
  #look(request: RouteRequest): void {
    const { table, ledger, exact } = this.#parts;
    const { chain, tokensPerBlock = 0 } = request;
    const isMatched = chain !== undefined && ledger !== undefined;
    if (isMatched) ledger.match(chain, this.#matchedBlocks);
    const asked = exact === undefined ? undefined : request.exact;
    if (asked !== undefined) exact?.ledger.match(asked.chain, this.#matchedExactly);
    const nowMs = table.nowMs();
    for (const candidate of this.#candidates) {
      const { index } = candidate.facts;
      table.read(index, candidate, nowMs);
      candidate.matchedTokens = isMatched
        ? (this.#matchedBlocks[index] as number) * tokensPerBlock
        : 0;
      if (asked === undefined || exact?.blockSizes[index] !== asked.blockSize) continue;
      // An engine's own word needs no trust.
      candidate.matchedTokens = (this.#matchedExactly[index] as number) * asked.blockSize;
      candidate.trust = 1;
    }
  }

  #reasonCounts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const reason of this.#room.reasons) {
      if (reason !== undefined) counts[reason] = (counts[reason] ?? 0) + 1;
    }
    return counts;
  }
}

function candidateOf(facts: EndpointFacts): MutableCandidate {
  return {
    facts,
    state: 'healthy',
    circuit: 'closed',
    runningTokens: 0,
    waitingTokens: 0,
    queuedPrefillTokens: 0,
    concurrency: 0,
    trust: 1,
    prefillTokensPerSecond: 0,
    prefillingMs: 0,
    matchedTokens: 0,
  } satisfies Candidate;
}
