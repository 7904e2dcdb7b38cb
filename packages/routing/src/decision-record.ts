import { decide, type DecisionDraw, type DecisionInput, decisionRoom } from './decide.ts';
import type { Candidate } from './endpoints/endpoint.ts';
import type { RoutePolicy } from './route-policy.ts';
import type { RequestFacts } from './route-request.ts';
import { predictTtftMs } from './scorers/standard-scorers.ts';

/** An endpoint in the record of a decision. */
export interface RecordedCandidate {
  readonly seen: Candidate;
  /** Why it was not considered. */
  readonly reason?: string;
  /** By the name of each scorer, before its weight. */
  readonly scores: Readonly<Record<string, number>>;
  readonly cost?: number;
}

/** Everything that a decision was made from and what came out: plain, fit for JSON, enough to make it again. */
export interface DecisionRecord extends DecisionDraw {
  readonly request: RequestFacts;
  readonly picker: string;
  /** Names of the filters that were asked. */
  readonly filters: readonly string[];
  readonly weights: Readonly<Record<string, number>>;
  readonly candidates: readonly RecordedCandidate[];
  /** The id of the endpoint picked; absent where none could take the request. */
  readonly picked?: string;
  readonly predicted?: { readonly ttftMs: number; readonly cachedTokens: number };
}

/** Makes the decision again from its input, with all that there is to say about it. */
export function recordDecision(input: DecisionInput, policy: RoutePolicy): DecisionRecord {
  const room = decisionRoom(input.candidates.length);
  const place = decide(input, policy, room);
  const considered = [...room.places.subarray(0, room.count)];
  const candidates = input.candidates.map((seen, at): RecordedCandidate => {
    const reason = room.reasons[at];
    if (reason !== undefined) return { seen: { ...seen }, reason, scores: {} };
    const scores = policy.scorers.map(({ scorer }) => [
      scorer.name,
      scorer.score(seen, input.request),
    ]);
    return {
      seen: { ...seen },
      scores: Object.fromEntries(scores) as Record<string, number>,
      cost: room.costs[considered.indexOf(at)] as number,
    };
  });
  const picked = input.candidates[place];
  return {
    request: plainFacts(input.request),
    turn: input.turn,
    draws: [...input.draws],
    picker: policy.picker.name,
    filters: policy.filters.map(({ name }) => name),
    weights: Object.fromEntries(policy.scorers.map(({ scorer, weight }) => [scorer.name, weight])),
    candidates,
    ...(picked === undefined
      ? {}
      : { picked: picked.facts.id, predicted: predictionFor(picked, input.request) }),
  };
}

/** The id of the endpoint that the policy picks from what the record says was seen. */
export function replayDecision(record: DecisionRecord, policy: RoutePolicy): string | undefined {
  const candidates = record.candidates.map(({ seen }) => seen);
  const place = decide({ ...record, candidates }, policy, decisionRoom(candidates.length));
  return candidates[place]?.facts.id;
}

function predictionFor(
  picked: Candidate,
  { promptTokens }: RequestFacts,
): { ttftMs: number; cachedTokens: number } {
  const cachedTokens = Math.min(picked.matchedTokens, promptTokens);
  return { ttftMs: predictTtftMs(picked, promptTokens), cachedTokens };
}

/** Without the prompt's blocks: what they led to stands with each candidate. */
function plainFacts(
  request: RequestFacts & { readonly chain?: unknown; readonly exact?: unknown },
): RequestFacts {
  const { chain: _chain, exact: _exact, ...facts } = request;
  return facts;
}
