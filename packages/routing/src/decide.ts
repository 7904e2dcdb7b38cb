// Hot path: once a request, over every endpoint. No allocation, no await.
import { type CandidateField, weighFor } from './endpoints/candidate-field.ts';
import type { Filter, Reasons } from './filters/filter.ts';
import type { PickField } from './pickers/picker.ts';
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
  /** Whether all were considered; else those that were stand in `offered`, side by side. */
  areAllOffered: boolean;
  readonly offered: OfferedColumns;
  /** What the picker is given. */
  readonly pick: { -readonly [Key in keyof PickField]: PickField[Key] };
}

/** The numbers of those that were considered, and the place of each among all. */
interface OfferedColumns {
  readonly places: Int32Array;
  readonly endpoints: Int32Array;
  readonly costs: Float64Array;
  readonly loads: Float64Array;
  readonly weights: Float64Array;
}

const noDraws: DecisionDraw['draws'] = [0, 0];

export function decisionRoom(endpointsMax: number): DecisionRoom {
  const offered = {
    places: new Int32Array(endpointsMax),
    endpoints: new Int32Array(endpointsMax),
    costs: new Float64Array(endpointsMax),
    loads: new Float64Array(endpointsMax),
    weights: new Float64Array(endpointsMax),
  };
  const { places: _places, ...columns } = offered;
  return {
    reasons: Array.from({ length: endpointsMax }, () => undefined),
    scores: new Float64Array(endpointsMax),
    totals: new Float64Array(endpointsMax),
    areAllOffered: false,
    offered,
    pick: { count: 0, ...columns, keyHash: 0, turn: 0, draws: noDraws },
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
  offer(field, room);
  const { pick } = room;
  if (pick.count === 0) return -1;
  pick.keyHash = request.sessionHash ?? 0;
  pick.turn = input.turn;
  pick.draws = input.draws;
  const picked = policy.picker.pick(pick);
  return room.areAllOffered ? picked : (room.offered.places[picked] as number);
}

function filter({ request, field }: DecisionInput, policy: RoutePolicy, room: DecisionRoom): void {
  const { reasons } = room;
  const { filters } = policy;
  // A loop: to fill a list of so few costs a call out of what is compiled.
  for (let place = 0; place < field.count; place++) reasons[place] = undefined;
  for (let at = 0; at < filters.length; at++) {
    const one = filters[at] as Filter;
    if (one.concerns === undefined || one.concerns(request)) one.exclude(field, request, reasons);
  }
}

function score({ request, field }: DecisionInput, policy: RoutePolicy, room: DecisionRoom): void {
  const { totals } = room;
  const { count } = field;
  for (let place = 0; place < count; place++) totals[place] = 0;
  for (let at = 0; at < policy.scorers.length; at++) {
    const { scorer, weight } = policy.scorers[at] as WeightedScorer;
    if (scorer.concerns !== undefined && !scorer.concerns(request)) continue;
    const scores = scorer.score(field, request, room.scores);
    for (let place = 0; place < count; place++)
      totals[place] = (totals[place] as number) + weight * (scores[place] as number);
  }
}

/** Offers those that are considered to the picker; where that is all of them, as their numbers stand. */
function offer(field: CandidateField, room: DecisionRoom): void {
  const { reasons, pick } = room;
  let passed = 0;
  while (passed < field.count && reasons[passed] === undefined) passed++;
  room.areAllOffered = passed === field.count;
  if (!room.areAllOffered) return collect(field, room);
  pick.count = field.count;
  pick.endpoints = field.indices;
  pick.costs = room.totals;
  pick.loads = field.loadTokens;
  pick.weights = field.weights;
}

/** Puts the numbers of those that are considered side by side. */
function collect(field: CandidateField, room: DecisionRoom): void {
  const { reasons, totals, offered, pick } = room;
  const { count, indices, loadTokens, weights } = field;
  let taken = 0;
  for (let place = 0; place < count; place++) {
    if (reasons[place] !== undefined) continue;
    offered.places[taken] = place;
    offered.endpoints[taken] = indices[place] as number;
    offered.costs[taken] = totals[place] as number;
    offered.loads[taken] = loadTokens[place] as number;
    offered.weights[taken] = weights[place] as number;
    taken++;
  }
  pick.count = taken;
  pick.endpoints = offered.endpoints;
  pick.costs = offered.costs;
  pick.loads = offered.loads;
  pick.weights = offered.weights;
}
