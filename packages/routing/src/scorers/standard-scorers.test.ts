import assert from 'node:assert/strict';
import test from 'node:test';
import type { RequestFacts } from '../route-request.ts';
import { candidateOf } from '../testing/candidates.ts';
import {
  costScorer,
  latencyScorer,
  loadScorer,
  prefixScorer,
  sessionScorer,
  workloadScorer,
} from './standard-scorers.ts';

const request: RequestFacts = { model: 'small', promptTokens: 1_000, outputTokensMax: 500 };

test('the prefix costs the tokens that are not cached, as far as the ledger is trusted', () => {
  assert.equal(prefixScorer.score(candidateOf(), request), 1_000);
  assert.equal(prefixScorer.score(candidateOf({ matchedTokens: 600 }), request), 400);
  assert.equal(prefixScorer.score(candidateOf({ matchedTokens: 600, trust: 0.5 }), request), 700);
  assert.equal(prefixScorer.score(candidateOf({ matchedTokens: 2_000 }), request), 1);
});

test('load counts what waits fully and what runs a little', () => {
  const load = { queuedPrefillTokens: 100, waitingTokens: 30, runningTokens: 1_000 };
  assert.equal(loadScorer.score(candidateOf(load), request), 150);
});

test('load leaves out what has been computed meanwhile, but never most of it unproved', () => {
  const load = { queuedPrefillTokens: 1_000, prefillTokensPerSecond: 1_000 };
  assert.equal(loadScorer.score(candidateOf({ ...load, prefillingMs: 400 }), request), 600);
  assert.equal(loadScorer.score(candidateOf({ ...load, prefillingMs: 60_000 }), request), 250);
  const unknown = { ...load, prefillTokensPerSecond: 0, prefillingMs: 400 };
  assert.equal(loadScorer.score(candidateOf(unknown), request), 1_000);
});

test('latency is what stands before the first token, at the speed of the endpoint', () => {
  const seen = { queuedPrefillTokens: 500, matchedTokens: 500, prefillTokensPerSecond: 2_000 };
  assert.equal(latencyScorer.score(candidateOf(seen), request), 500);
});

test('cost is the price of prompt and longest answer', () => {
  const facts = { costPerMillionTokens: 2 };
  assert.equal(costScorer.score(candidateOf({ facts }), request), 0.003);
});

test('workload prefers engines in their order and others last', () => {
  const enginesPreferred = ['vllm', 'llama.cpp'];
  const scoreOf = (engine: string): number =>
    workloadScorer.score(candidateOf({ facts: { engine } }), { ...request, enginesPreferred });
  assert.deepEqual(['vllm', 'llama.cpp', 'ollama'].map(scoreOf), [0, 0.5, 1]);
  assert.equal(workloadScorer.score(candidateOf(), request), 0);
});

test('sessions spread evenly and keep their endpoint when another is added', () => {
  const favourite = (sessionHash: number, count: number): number => {
    const scores = Array.from({ length: count }, (_, index) =>
      sessionScorer.score(candidateOf({ facts: { index } }), { ...request, sessionHash }),
    );
    return scores.indexOf(Math.min(...scores));
  };
  const counts = [0, 0, 0, 0];
  let moved = 0;
  for (let session = 0; session < 4_000; session++) {
    const before = favourite(session, 4);
    counts[before] = (counts[before] as number) + 1;
    const after = favourite(session, 5);
    assert.ok(after === before || after === 4);
    if (after === 4) moved++;
  }
  for (const count of counts) assert.ok(count > 850 && count < 1_150, `${counts}`);
  assert.ok(moved > 650 && moved < 950, `${moved} of 4000 moved`);
});
