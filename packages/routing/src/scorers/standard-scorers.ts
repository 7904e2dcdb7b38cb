import { type Candidate, uncachedTokens } from '../endpoints/endpoint.ts';
import { mix } from '../prefix-index/prefix-hasher.ts';
import type { Scorer, WeightedScorer } from './scorer.ts';

/** What a token in a running context costs, beside one that waits to be computed: it slows each step a little. */
const runningShare = 0.02;
/** Of queued tokens, what may count as computed before anything proves it: an endpoint that hangs must not look idle. */
const progressShareMax = 0.75;
/** Where an engine has not told how fast it computes prompts. */
const prefillTokensPerSecondAssumed = 2_000;

/** Prompt tokens that would have to be computed. */
export const prefixScorer: Scorer = {
  name: 'prefix',
  score: (candidate, { promptTokens }) => uncachedTokens(candidate, promptTokens),
};

/** Tokens that are before this request. */
export const loadScorer: Scorer = {
  name: 'load',
  score: (candidate) => loadTokens(candidate),
};

/** Tokens that are before this request, for the endpoint's share: one of twice the weight bears twice as much. */
export const loadForWeightScorer: Scorer = {
  name: 'load-for-weight',
  score: (candidate) => loadTokens(candidate) / candidate.facts.weight,
};

/** Predicted milliseconds to the first token: for fleets whose endpoints differ in speed. */
export const latencyScorer: Scorer = {
  name: 'latency',
  score: (candidate, request) => predictTtftMs(candidate, request.promptTokens),
};

/** Money for the request, at most. */
export const costScorer: Scorer = {
  name: 'cost',
  score: ({ facts }, { promptTokens, outputTokensMax }) =>
    (facts.costPerMillionTokens * (promptTokens + outputTokensMax)) / 1e6,
};

/** 0 where the engine is the best for the request's class of workload, 1 where it is not among those that suit. */
export const workloadScorer: Scorer = {
  name: 'workload',
  score: ({ facts }, { enginesPreferred }) => {
    if (enginesPreferred === undefined || enginesPreferred.length === 0) return 0;
    const rank = enginesPreferred.indexOf(facts.engine);
    return rank === -1 ? 1 : rank / enginesPreferred.length;
  },
};

/** From 0 to 1, an order of endpoints that each session has for itself and that new endpoints barely change. */
export const sessionScorer: Scorer = {
  name: 'session',
  score: ({ facts }, { sessionHash }) =>
    sessionHash === undefined ? 0 : (mix(sessionHash ^ mix(facts.index)) >>> 0) / 2 ** 32,
};

/**
 * Load in tokens, and tokens that are not cached, threefold.
 * A hit saves its tokens once here and, by not driving another prefix out of another cache, about as much again later:
 * on recorded traffic a weight of 3 beats 1 in hits and in the median time to first token, and is level with it at p99;
 * see `bench routing`.
 */
export const standardScorers: readonly WeightedScorer[] = [
  { scorer: loadScorer, weight: 1 },
  { scorer: prefixScorer, weight: 3 },
];

/** Tokens that are before a request: what waits in full, what runs by a small share. */
export function loadTokens(candidate: Candidate): number {
  const { waitingTokens, runningTokens } = candidate;
  return remainingPrefillTokens(candidate) + waitingTokens + runningShare * runningTokens;
}

/** Queued tokens without those that the endpoint has computed since its latest first token, at its speed. */
function remainingPrefillTokens(candidate: Candidate): number {
  const { queuedPrefillTokens, prefillingMs, prefillTokensPerSecond } = candidate;
  const computed = (prefillingMs * prefillTokensPerSecond) / 1_000;
  return queuedPrefillTokens - Math.min(computed, progressShareMax * queuedPrefillTokens);
}

/** Milliseconds until the first token: what waits there and what is not cached, at the endpoint's speed. */
export function predictTtftMs(candidate: Candidate, promptTokens: number): number {
  const tokens =
    remainingPrefillTokens(candidate) +
    candidate.waitingTokens +
    uncachedTokens(candidate, promptTokens);
  return (1_000 * tokens) / (candidate.prefillTokensPerSecond || prefillTokensPerSecondAssumed);
}
