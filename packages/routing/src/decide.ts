// Hot path: once a request, over every endpoint. No allocation, no await.
import { type CandidateField, weighFor } from './endpoints/candidate-field.ts';
import type { Reasons } from './filters/filter.ts';
import type { RoutePolicy } from './route-policy.ts';
import type { RequestFacts } from './route-request.ts';
import type { WeightedScorer } from './scorers/scorer.ts';

/** What chance and history contribute to a decision. */
export interface DecisionDraw {
  readonly turn: number;
  readonly draws: readonly [number, number];
}

/** Room for the numbers of one decision; taken once and used again. */
export interface DecisionRoom {
  /** Why each endpoint was not considered; `undefined` for those that were. */
  readonly reasons: Reasons;
  /** What one scorer says of each. */
  readonly scores: Float64Array;
  /** What each would cost, whether considered or not. */
  readonly totals: Float64Array;
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
    scores: new Float64Array(endpointsMax),
    totals: new Float64Array(endpointsMax),
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
  readonly field: CandidateField;
}

/**
 * Filters, scores and picks; the place of the endpoint picked, or -1 where none may take the request. Pure but for `room`
 * and the columns of the field that follow from the others.
 */
export function decide(input: DecisionInput, policy: RoutePolicy, room: DecisionRoom): number {
  const { request, field } = input;
  weighFor(request.promptTokens, field);
  filter(input, policy, room);
  score(input, policy, room);
  collect(field, room);
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

function filter({ request, field }: DecisionInput, policy: RoutePolicy, room: DecisionRoom): void {
  room.reasons.fill(undefined);
  for (const one of policy.filters) {
    if (one.concerns === undefined || one.concerns(request))
      one.exclude(field, request, room.reasons);
  }
}

function score({ request, field }: DecisionInput, policy: RoutePolicy, room: DecisionRoom): void {
  const { scores, totals } = room;
  totals.fill(0);
  for (let at = 0; at < policy.scorers.length; at++) {
    const { scorer, weight } = policy.scorers[at] as WeightedScorer;
    scorer.score(field, request, scores);
    for (let place = 0; place < field.count; place++)
      totals[place] = (totals[place] as number) + weight * (scores[place] as number);
  }
}

/** Puts the numbers of those that are considered side by side. */
function collect(field: CandidateField, room: DecisionRoom): void {
  room.count = 0;
  for (let place = 0; place < field.count; place++) {
    if (room.reasons[place] !== undefined) continue;
    const at = room.count++;
    room.places[at] = place;
    room.endpoints[at] = field.indices[place] as number;
    room.costs[at] = room.totals[place] as number;
    room.loads[at] = field.loadTokens[place] as number;
    room.weights[at] = field.weights[place] as number;
  }
}
