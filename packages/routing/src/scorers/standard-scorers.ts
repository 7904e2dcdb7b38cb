// Hot path: each scorer once a request, over every endpoint. No allocation, no await.
import type { CandidateField } from '../endpoints/candidate-field.ts';
import type { EndpointFacts } from '../endpoints/endpoint.ts';
import { mix } from '../prefix-index/prefix-hasher.ts';
import type { Scorer, WeightedScorer } from './scorer.ts';

/** Where an engine has not told how fast it computes prompts. */
const prefillTokensPerSecondAssumed = 2_000;
/** A prompt that waits so long for its first token costs its tokens once more. */
const tailMs = 4_000;

/** Prompt tokens that would have to be computed. */
export const prefixScorer: Scorer = {
  name: 'prefix',
  score: ({ uncachedTokens }) => uncachedTokens,
};

/** Tokens that are before this request. */
export const loadScorer: Scorer = {
  name: 'load',
  score: ({ loadTokens }) => loadTokens,
};

/** Tokens that are before this request, for the endpoint's share: one of twice the weight bears twice as much. */
export const loadForWeightScorer: Scorer = {
  name: 'load-for-weight',
  score: ({ count, loadTokens, weights }, _request, scores) => {
    for (let place = 0; place < count; place++)
      scores[place] = (loadTokens[place] as number) / (weights[place] as number);
    return scores;
  },
};

/** Predicted milliseconds to the first token: for fleets whose endpoints differ in speed. */
export const latencyScorer: Scorer = {
  name: 'latency',
  score: (field, _request, scores) => {
    for (let place = 0; place < field.count; place++) scores[place] = predictTtftMs(field, place);
    return scores;
  },
};

/**
 * Tokens until the first token, times how long they take: what makes the longest waits longer costs more than what makes
 * short ones longer. All endpoints go by the mean of the speeds that are known, for else the fastest of idle equals would
 * get everything; 0 where none is known.
 */
export const tailScorer: Scorer = {
  name: 'tail',
  score: (field, _request, scores) => {
    const { count, queuedTokens, uncachedTokens } = field;
    const tailTokens = (tailMs / 1_000) * meanSpeed(field);
    if (tailTokens === 0) return scores.fill(0);
    for (let place = 0; place < count; place++) {
      const tokens = (queuedTokens[place] as number) + (uncachedTokens[place] as number);
      scores[place] = (tokens * tokens) / tailTokens;
    }
    return scores;
  },
};

/** Money for the request, at most. */
export const costScorer: Scorer = {
  name: 'cost',
  score: ({ count, facts }, { promptTokens, outputTokensMax }, scores) => {
    for (let place = 0; place < count; place++) {
      const { costPerMillionTokens } = facts[place] as EndpointFacts;
      scores[place] = (costPerMillionTokens * (promptTokens + outputTokensMax)) / 1e6;
    }
    return scores;
  },
};

/** 0 where the engine is the best for the request's class of workload, 1 where it is not among those that suit. */
export const workloadScorer: Scorer = {
  name: 'workload',
  concerns: ({ enginesPreferred }) => enginesPreferred !== undefined && enginesPreferred.length > 0,
  score: ({ count, facts }, { enginesPreferred = [] }, scores) => {
    scores.fill(0);
    if (enginesPreferred.length === 0) return scores;
    for (let place = 0; place < count; place++) {
      const rank = enginesPreferred.indexOf((facts[place] as EndpointFacts).engine);
      scores[place] = rank === -1 ? 1 : rank / enginesPreferred.length;
    }
    return scores;
  },
};

/** From 0 to 1, an order of endpoints that each session has for itself and that new endpoints barely change. */
export const sessionScorer: Scorer = {
  name: 'session',
  concerns: ({ sessionHash }) => sessionHash !== undefined,
  score: ({ count, indices }, { sessionHash }, scores) => {
    scores.fill(0);
    if (sessionHash === undefined) return scores;
    for (let place = 0; place < count; place++)
      scores[place] = (mix(sessionHash ^ mix(indices[place] as number)) >>> 0) / 2 ** 32;
    return scores;
  },
};

/**
 * Load in tokens, tokens that are not cached, threefold, and the tail.
 * A hit saves its tokens once here and, by not driving another prefix out of another cache, about as much again later.
 * See `bench routing`.
 */
export const standardScorers: readonly WeightedScorer[] = [
  { scorer: loadScorer, weight: 1 },
  { scorer: prefixScorer, weight: 3 },
  { scorer: tailScorer, weight: 1 },
];

/** Milliseconds until the first token: what waits there and what is not cached, at the endpoint's speed. */
export function predictTtftMs(field: CandidateField, place: number): number {
  const tokens = (field.queuedTokens[place] as number) + (field.uncachedTokens[place] as number);
  const speed = field.prefillTokensPerSecond[place] as number;
  return (1_000 * tokens) / (speed || prefillTokensPerSecondAssumed);
}

/** Prompt tokens a second, of the endpoints whose speed is known; 0 where there is none. */
function meanSpeed({ count, prefillTokensPerSecond }: CandidateField): number {
  let [sum, known] = [0, 0];
  for (let place = 0; place < count; place++) {
    const speed = prefillTokensPerSecond[place] as number;
    sum += speed;
    if (speed > 0) known++;
  }
  return known === 0 ? 0 : sum / known;
}
