import assert from 'node:assert/strict';
import test from 'node:test';
import type { RequestFacts } from '../route-request.ts';
import { candidateOf } from '../testing/candidates.ts';
import { standardFilters } from './standard-filters.ts';

const request: RequestFacts = { model: 'small', promptTokens: 100, outputTokensMax: 20 };

function reasonAgainst(
  candidate: ReturnType<typeof candidateOf>,
  asked: Partial<RequestFacts> = {},
): string | undefined {
  return standardFilters
    .map((filter) => filter.reasonAgainst(candidate, { ...request, ...asked }))
    .find((reason) => reason !== undefined);
}

test('an idle endpoint with the model may take the request', () => {
  assert.equal(reasonAgainst(candidateOf()), undefined);
});

test('each filter keeps out what it is for, and says why', () => {
  const cases: readonly (readonly [
    Parameters<typeof candidateOf>[0],
    Partial<RequestFacts>,
    string,
  ])[] = [
    [{}, { model: 'large' }, 'does not have the model'],
    [{}, { modelsAllowed: ['large'] }, 'the tenant may not use the model'],
    [{}, { subset: ['b'] }, 'is not in the subset'],
    [{ state: 'draining' }, {}, 'draining'],
    [{ state: 'ejected' }, {}, 'ejected'],
    [{ circuit: 'open' }, {}, 'circuit is open'],
    [{ circuit: 'half-open', concurrency: 1 }, {}, 'circuit is being tried'],
    [{ facts: { contextTokensMax: 119 } }, {}, 'context is too short'],
    [{ facts: { qualityTier: 1 } }, { qualityTierMin: 2 }, 'quality is below what is asked for'],
    [{ concurrency: 4, facts: { concurrencyMax: 4 } }, {}, 'has as many requests as it may'],
  ];
  for (const [given, asked, reason] of cases)
    assert.equal(reasonAgainst(candidateOf(given), asked), reason);
});

test('what is just within a bound may take the request', () => {
  assert.equal(reasonAgainst(candidateOf({ circuit: 'half-open' })), undefined);
  assert.equal(reasonAgainst(candidateOf({ facts: { contextTokensMax: 120 } })), undefined);
  assert.equal(
    reasonAgainst(candidateOf({ concurrency: 3, facts: { concurrencyMax: 4 } })),
    undefined,
  );
  const asked = { modelsAllowed: ['small'], subset: ['a'], qualityTierMin: 0 };
  assert.equal(reasonAgainst(candidateOf(), asked), undefined);
});
