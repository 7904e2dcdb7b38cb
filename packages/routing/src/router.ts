// Hot path: `route` once a request. Allocates the decision that it returns.
import { assert, type Prng } from '@millrace/stdx';
import { decide, type DecisionInput, type DecisionRoom, decisionRoom } from './decide.ts';
import { type DecisionRecord, recordDecision } from './decision-record.ts';
import { type CandidateField, candidateField } from './endpoints/candidate-field.ts';
import type { EndpointFacts } from './endpoints/endpoint.ts';
import type { EndpointTable } from './endpoints/endpoint-table.ts';
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

/** Chooses endpoints for requests. Changes nothing: whoever dispatches charges the endpoint and tells the ledger. */
export class Router {
  readonly #parts: RouterParts;
  readonly #policy: RoutePolicy;
  readonly #field: CandidateField;
  readonly #room: DecisionRoom;
  readonly #matchedBlocks: Int32Array;
  readonly #matchedExactly: Int32Array;
  readonly #draws: [number, number] = [0, 0];
  #turn = 0;
  /** What the latest decision was made from; used again by the next. */
  #input: { -readonly [Key in keyof DecisionInput]: DecisionInput[Key] } | undefined;

  constructor(parts: RouterParts) {
    this.#parts = parts;
    this.#policy = parts.policy ?? standardPolicy;
    this.#field = candidateField(parts.endpoints);
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
    const field = this.#field;
    const place = decide(this.#inputFor(request), this.#policy, this.#room);
    if (place === -1) return { kind: 'none', reasons: this.#reasonCounts() };
    return {
      kind: 'picked',
      endpoint: field.facts[place] as EndpointFacts,
      cachedTokens: Math.min(field.matchedTokens[place] as number, request.promptTokens),
      uncachedTokens: field.uncachedTokens[place] as number,
      predictedTtftMs: predictTtftMs(field, place),
    };
  }

  /** The record of the latest decision, as long as no other is made; `undefined` before the first. */
  lastRecord(): DecisionRecord | undefined {
    return this.#input === undefined ? undefined : recordDecision(this.#input, this.#policy);
  }

  #inputFor(request: RouteRequest): DecisionInput {
    const { prng } = this.#parts;
    const draws = this.#draws;
    const input = (this.#input ??= { request, field: this.#field, turn: 0, draws });
    input.request = request;
    input.turn = this.#turn++;
    draws[0] = prng.next();
    draws[1] = prng.next();
    return input;
  }

  /** Takes down how every endpoint stands at this moment. */
  #look(request: RouteRequest): void {
    const { table, ledger } = this.#parts;
    const { count, indices, matchedTokens } = this.#field;
    const { chain, tokensPerBlock = 0 } = request;
    table.read(this.#field);
    if (chain === undefined || ledger === undefined) matchedTokens.fill(0);
    else {
      ledger.match(chain, this.#matchedBlocks, indices);
      for (let place = 0; place < count; place++) {
        const blocks = this.#matchedBlocks[indices[place] as number] as number;
        matchedTokens[place] = blocks * tokensPerBlock;
      }
    }
    if (request.exact !== undefined) this.#lookExactly(request.exact);
  }

  /** Takes an engine's own word for what it holds, where it tells; that needs no trust. */
  #lookExactly({ chain, blockSize }: NonNullable<RouteRequest['exact']>): void {
    const { exact } = this.#parts;
    if (exact === undefined) return;
    const { count, indices, matchedTokens, trust } = this.#field;
    exact.ledger.match(chain, this.#matchedExactly, indices);
    for (let place = 0; place < count; place++) {
      const index = indices[place] as number;
      if (exact.blockSizes[index] !== blockSize) continue;
      matchedTokens[place] = (this.#matchedExactly[index] as number) * blockSize;
      trust[place] = 1;
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
