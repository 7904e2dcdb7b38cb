import assert from 'node:assert/strict';
import test from 'node:test';
import type { RequestFacts } from '../route-request.ts';
import { fieldOf } from '../endpoints/candidate-field.ts';
import { candidateOf } from '../testing/candidates.ts';
import type { Reasons } from './filter.ts';
import { standardFilters } from './standard-filters.ts';

const request: RequestFacts = { model: 'small', promptTokens: 100, outputTokensMax: 20 };

function reasonAgainst(
  candidate: ReturnType<typeof candidateOf>,
  asked: Partial<RequestFacts> = {},
): string | undefined {
  const reasons: Reasons = [undefined];
  const field = fieldOf([candidate]);
  for (const filter of standardFilters) filter.exclude(field, { ...request, ...asked }, reasons);
  return reasons[0];
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

test('endpoints are told apart by what each is, in whatever order a subset names them', () => {
  const places = Array.from({ length: 6 }, (_, index) => `e${index}`);
  const field = fieldOf(
    places.map((id, index) =>
      candidateOf({ facts: { id, index, models: index % 2 === 0 ? ['small'] : ['large'] } }),
    ),
  );
  const considered = (asked: Partial<RequestFacts>): readonly string[] => {
    const reasons: Reasons = places.map(() => undefined);
    for (const filter of standardFilters) filter.exclude(field, { ...request, ...asked }, reasons);
    return places.filter((_, place) => reasons[place] === undefined);
  };
  assert.deepEqual(considered({}), ['e0', 'e2', 'e4']);
  assert.deepEqual(considered({ model: 'large' }), ['e1', 'e3', 'e5']);
  assert.deepEqual(considered({ subset: ['e0', 'e1', 'e4'] }), ['e0', 'e4']);
  assert.deepEqual(considered({ subset: ['e4', 'e9', 'e0', 'e3'] }), ['e0', 'e4']);
});
