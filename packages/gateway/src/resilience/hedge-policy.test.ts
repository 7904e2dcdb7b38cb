import assert from 'node:assert/strict';
import test from 'node:test';
import { hedgeAfterMs, hedgeDefaults } from './hedge-policy.ts';

test('a request waits as long as most did, and never less than the least', () => {
  assert.equal(hedgeAfterMs({ promptTokens: 100, quantileMs: 700 }, hedgeDefaults), 700);
  assert.equal(hedgeAfterMs({ promptTokens: 100, quantileMs: 3 }, hedgeDefaults), 100);
});

test('nothing is hedged while too little is known, nor a prompt that is long', () => {
  assert.equal(
    hedgeAfterMs({ promptTokens: 100, quantileMs: undefined }, hedgeDefaults),
    undefined,
  );
  assert.equal(hedgeAfterMs({ promptTokens: 40_000, quantileMs: 9 }, hedgeDefaults), undefined);
});
