import assert from 'node:assert/strict';
import test from 'node:test';
import { seededPrng, VirtualClock } from '@millrace/stdx';
import { EndpointTable } from '../endpoints/endpoint-table.ts';
import { endpointFacts } from '../endpoints/endpoint.ts';
import { Router } from '../router.ts';
import { modelChain, routeAlong } from './model-chain.ts';

const names = {
  aliases: { chat: 'large', large: 'large-8bit', loop: 'pool', pool: 'loop' },
  fallbacks: { 'large-8bit': ['large-4bit', 'small'], 'large-4bit': ['chat', 'tiny'] },
};

test('a name leads through aliases to a model, then to what may stand in for it', () => {
  assert.deepEqual(modelChain('chat', names), ['large-8bit', 'large-4bit', 'small', 'tiny']);
  assert.deepEqual(modelChain('unknown', names), ['unknown']);
  assert.deepEqual(modelChain('constructor', names), ['constructor']);
});

test('circles of aliases and long chains end', () => {
  assert.equal(modelChain('loop', names).length, 1);
  const fallbacks = { all: Array.from({ length: 50 }, (_, at) => `model-${at}`) };
  assert.equal(modelChain('all', { aliases: {}, fallbacks }).length, 8);
});

test('the first model that an endpoint can answer is taken', () => {
  const table = EndpointTable.create({ memory: 'private', clock: new VirtualClock() });
  const endpoints = [
    endpointFacts({ id: 'a', index: 0, models: ['large-8bit'] }),
    endpointFacts({ id: 'b', index: 1, models: ['small'] }),
  ];
  const router = new Router({ endpoints, table, prng: seededPrng(1) });
  const request = { model: 'chat', promptTokens: 10, outputTokensMax: 10 };
  const models = modelChain('chat', names);
  assert.equal(routeAlong(router, request, models).model, 'large-8bit');
  table.setState(0, 'ejected');
  const fallen = routeAlong(router, request, models);
  assert.equal(fallen.model, 'small');
  assert.equal(fallen.decision.kind === 'picked' && fallen.decision.endpoint.id, 'b');
  table.setState(1, 'draining');
  const { model, decision } = routeAlong(router, request, models);
  assert.deepEqual(
    [model, decision],
    ['large-8bit', { kind: 'none', reasons: { ejected: 1, 'does not have the model': 1 } }],
  );
});
