// Hot path: once a request, over every endpoint. No allocation, no await.
import type { Candidate } from './endpoints/endpoint.ts';
import type { Filter } from './filters/filter.ts';
import type { RoutePolicy } from './route-policy.ts';
import type { RequestFacts } from './route-request.ts';
import type { WeightedScorer } from './scorers/scorer.ts';
import { loadTokens } from './scorers/standard-scorers.ts';

/** What chance and history contribute to a decision. */
export interface DecisionDraw {
  readonly turn: number;
  readonly draws: readonly [number, number];
}

/** Room for the numbers of one decision; taken once and used again. */
export interface DecisionRoom {
  /** Why each endpoint was not considered; `undefined` for those that were. */
  readonly reasons: (string | undefined)[];
  /** Filters of the policy that concern the request. */
  readonly filters: Filter[];
  /** How many were considered. */
  count: number;
  /** Of each that was considered: its place among all. */
  readonly places: Int32Array;
  readonly endpoints: Int32Array;
  readonly costs: Float64Array;
  readonly loads: Float64Array;
  readonly weights: Float64Array;
}

export function decisionRoom(endpointsMax: number): DecisionRoom {
  return {
    reasons: Array.from({ length: endpointsMax }, () => undefined),
    filters: [],
    count: 0,
    places: new Int32Array(endpointsMax),
    endpoints: new Int32Array(endpointsMax),
    costs: new Float64Array(endpointsMax),
    loads: new Float64Array(endpointsMax),
    weights: new Float64Array(endpointsMax),
  };
}

/** What a decision is made from. */
export interface DecisionInput extends DecisionDraw {
  readonly request: RequestFacts;
  readonly candidates: readonly Candidate[];
}

/** Filters, scores and picks; the place of the endpoint picked, or -1 where none may take the request. Pure but for `room`. */
export function decide(input: DecisionInput, policy: RoutePolicy, room: DecisionRoom): number {
  const { request, candidates } = input;
  room.count = 0;
  chooseFilters(request, policy, room);
  for (let place = 0; place < candidates.length; place++) {
    const candidate = candidates[place] as Candidate;
    const reason = reasonAgainst(candidate, request, room.filters);
    room.reasons[place] = reason;
    if (reason !== undefined) continue;
    const at = room.count++;
    room.places[at] = place;
    room.endpoints[at] = candidate.facts.index;
    room.costs[at] = costOf(candidate, request, policy);
    room.loads[at] = loadTokens(candidate);
    room.weights[at] = candidate.facts.weight;
  }
  if (room.count === 0) return -1;
  const picked = policy.picker.pick({
    count: room.count,
    costs: room.costs,
    loads: room.loads,
    weights: room.weights,
    endpoints: room.endpoints,
    keyHash: request.sessionHash ?? 0,
    turn: input.turn,
    draws: input.draws,
  });
  return room.places[picked] as number;
}

function chooseFilters(
  request: RequestFacts,
  policy: RoutePolicy,
  { filters }: DecisionRoom,
): void {
  filters.length = 0;
  for (const filter of policy.filters) {
    if (filter.concerns === undefined || filter.concerns(request)) filters.push(filter);
  }
}

function reasonAgainst(
  candidate: Candidate,
  request: RequestFacts,
  filters: readonly Filter[],
): string | undefined {
  for (let at = 0; at < filters.length; at++) {
    const reason = (filters[at] as Filter).reasonAgainst(candidate, request);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function costOf(candidate: Candidate, request: RequestFacts, { scorers }: RoutePolicy): number {
  let cost = 0;
  for (let at = 0; at < scorers.length; at++) {
    const { scorer, weight } = scorers[at] as WeightedScorer;
    cost += weight * scorer.score(candidate, request);
  }
  return cost;
}
