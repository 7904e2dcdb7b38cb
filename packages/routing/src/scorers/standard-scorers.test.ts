import assert from 'node:assert/strict';
import test from 'node:test';
import type { RequestFacts } from '../route-request.ts';
import { fieldOf, weighFor } from '../endpoints/candidate-field.ts';
import type { Candidate } from '../endpoints/endpoint.ts';
import { candidateOf } from '../testing/candidates.ts';
import type { Scorer } from './scorer.ts';
import {
  costScorer,
  latencyScorer,
  loadScorer,
  prefixScorer,
  sessionScorer,
  tailScorer,
  workloadScorer,
} from './standard-scorers.ts';

const request: RequestFacts = { model: 'small', promptTokens: 1_000, outputTokensMax: 500 };

/** What a scorer says of one endpoint. */
function scoreOf(
  scorer: Scorer,
  candidate: Candidate = candidateOf(),
  asked: Partial<RequestFacts> = {},
): number | undefined {
  const field = fieldOf([candidate]);
  weighFor(request.promptTokens, field);
  return scorer.score(field, { ...request, ...asked }, Float64Array.of(-1))[0];
}

test('the prefix costs the tokens that are not cached, as far as the ledger is trusted', () => {
  assert.equal(scoreOf(prefixScorer, candidateOf()), 1_000);
  assert.equal(scoreOf(prefixScorer, candidateOf({ matchedTokens: 600 })), 400);
  assert.equal(scoreOf(prefixScorer, candidateOf({ matchedTokens: 600, trust: 0.5 })), 700);
  assert.equal(scoreOf(prefixScorer, candidateOf({ matchedTokens: 2_000 })), 1);
});

test('load counts what waits fully and what runs a little', () => {
  const load = { queuedPrefillTokens: 100, waitingTokens: 30, runningTokens: 1_000 };
  assert.equal(scoreOf(loadScorer, candidateOf(load)), 150);
});

test('load leaves out what has been computed meanwhile, and counts it again where that is not proved in time', () => {
  const load = { queuedPrefillTokens: 1_000, prefillTokensPerSecond: 1_000 };
  const loadAfter = (prefillingMs: number): number | undefined =>
    scoreOf(loadScorer, candidateOf({ ...load, prefillingMs }));
  assert.deepEqual([400, 1_000, 1_300, 60_000].map(loadAfter), [600, 0, 300, 1_000]);
  const unknown = { ...load, prefillTokensPerSecond: 0, prefillingMs: 400 };
  assert.equal(scoreOf(loadScorer, candidateOf(unknown)), 1_000);
});

test('the tail costs a wait its tokens once more for every four seconds', () => {
  const tailOf = (
    queuedPrefillTokens: number,
    prefillTokensPerSecond = 1_000,
  ): number | undefined =>
    scoreOf(tailScorer, candidateOf({ queuedPrefillTokens, prefillTokensPerSecond }));
  assert.equal(tailOf(3_000), 4_000);
  assert.equal(tailOf(7_000), 16_000);
  assert.equal(tailOf(7_000, 4_000), 4_000);
  assert.equal(tailOf(7_000, 0), 0);
});

test('the tail goes by one speed, so that idle endpoints tie however fast each has been', () => {
  const field = fieldOf(
    [1_000, 3_000, 0].map((prefillTokensPerSecond) => candidateOf({ prefillTokensPerSecond })),
  );
  weighFor(1_000, field);
  const scores = tailScorer.score(field, request, new Float64Array(3));
  assert.deepEqual([...scores], [125, 125, 125]);
});

test('latency is what stands before the first token, at the speed of the endpoint', () => {
  const seen = { queuedPrefillTokens: 500, matchedTokens: 500, prefillTokensPerSecond: 2_000 };
  assert.equal(scoreOf(latencyScorer, candidateOf(seen)), 500);
});

test('cost is the price of prompt and longest answer', () => {
  const facts = { costPerMillionTokens: 2 };
  assert.equal(scoreOf(costScorer, candidateOf({ facts })), 0.003);
});

test('workload prefers engines in their order and others last', () => {
  const enginesPreferred = ['vllm', 'llama.cpp'];
  const scores = ['vllm', 'llama.cpp', 'ollama'].map((engine) =>
    scoreOf(workloadScorer, candidateOf({ facts: { engine } }), { enginesPreferred }),
  );
  assert.deepEqual(scores, [0, 0.5, 1]);
  assert.equal(scoreOf(workloadScorer), 0);
});

test('sessions spread evenly and keep their endpoint when another is added', () => {
  const fields = [4, 5].map((count) =>
    fieldOf(Array.from({ length: count }, (_, index) => candidateOf({ facts: { index } }))),
  );
  const favourites = (sessionHash: number): readonly number[] =>
    fields.map((field) => {
      const room = new Float64Array(field.count);
      const scores = sessionScorer.score(field, { ...request, sessionHash }, room);
      return scores.indexOf(Math.min(...scores));
    });
  const counts = [0, 0, 0, 0];
  let moved = 0;
  for (let session = 0; session < 4_000; session++) {
    const [before = -1, after = -1] = favourites(session);
    counts[before] = (counts[before] as number) + 1;
    assert.ok(after === before || after === 4);
    if (after === 4) moved++;
  }
  for (const count of counts) assert.ok(count > 850 && count < 1_150, `${counts}`);
  assert.ok(moved > 650 && moved < 950, `${moved} of 4000 moved`);
});
