import { decide, type DecisionDraw, type DecisionInput, decisionRoom } from './decide.ts';
import { candidateAt, fieldOf } from './endpoints/candidate-field.ts';
import type { Candidate, EndpointFacts } from './endpoints/endpoint.ts';
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
  const { field, request } = input;
  const room = decisionRoom(field.count);
  const place = decide(input, policy, room);
  const candidates = field.facts.map((_facts, at): RecordedCandidate => {
    const seen = candidateAt(field, at);
    const reason = room.reasons[at];
    if (reason !== undefined) return { seen, reason, scores: {} };
    return { seen, scores: {}, cost: room.totals[at] as number };
  });
  return {
    request: plainFacts(request),
    turn: input.turn,
    draws: [...input.draws],
    picker: policy.picker.name,
    filters: policy.filters.map(({ name }) => name),
    weights: Object.fromEntries(policy.scorers.map(({ scorer, weight }) => [scorer.name, weight])),
    candidates: withScores(candidates, input, policy),
    ...(place !== -1 && {
      picked: (field.facts[place] as EndpointFacts).id,
      predicted: predictionFor(input, place),
    }),
  };
}

/** The id of the endpoint that the policy picks from what the record says was seen. */
export function replayDecision(record: DecisionRecord, policy: RoutePolicy): string | undefined {
  const field = fieldOf(record.candidates.map(({ seen }) => seen));
  const place = decide({ ...record, field }, policy, decisionRoom(field.count));
  return field.facts[place]?.id;
}

function withScores(
  candidates: readonly RecordedCandidate[],
  { field, request }: DecisionInput,
  { scorers }: RoutePolicy,
): readonly RecordedCandidate[] {
  const columns = scorers.map(({ scorer }) => {
    const scores = scorer.score(field, request, new Float64Array(field.count));
    return { name: scorer.name, scores };
  });
  return candidates.map((candidate, place) => {
    if (candidate.reason !== undefined) return candidate;
    const scores = columns.map(({ name, scores: of }) => [name, of[place] as number]);
    return { ...candidate, scores: Object.fromEntries(scores) as Record<string, number> };
  });
}

function predictionFor(
  { field, request }: DecisionInput,
  place: number,
): { ttftMs: number; cachedTokens: number } {
  const cachedTokens = Math.min(field.matchedTokens[place] as number, request.promptTokens);
  return { ttftMs: predictTtftMs(field, place), cachedTokens };
}

/** Without the prompt's blocks: what they led to stands with each candidate. */
function plainFacts(
  request: RequestFacts & { readonly chain?: unknown; readonly exact?: unknown },
): RequestFacts {
  const { chain: _chain, exact: _exact, ...facts } = request;
  const given = Object.entries(facts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as unknown as RequestFacts;
}
