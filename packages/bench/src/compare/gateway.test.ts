import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseGatewayParts, gatewayChoices } from './gateway.ts';
import { gatewayLoads, worldsOf } from './gateway-loads.ts';

function chosen(...only: string[]): readonly string[] {
  const { sides, loads } = chooseGatewayParts(only);
  return [...sides.map(({ name }) => name), ...loads.map(({ word }) => word)];
}

test('without names everything is measured', () => {
  assert.deepEqual(chosen(), gatewayChoices);
});

test('named sides are measured beside none at all, in every load', () => {
  const all = chosen('nginx');
  assert.deepEqual(all.slice(0, 3), ['direct', 'nginx', 'unary']);
  assert.ok(all.includes('streams'));
});

test('named loads are measured at the named sides only', () => {
  assert.deepEqual(chosen('rate', 'direct', 'haproxy'), ['direct', 'haproxy', 'rate']);
});

test('loads that need another upstream or more connections get a start of their own', () => {
  const words = worldsOf(gatewayLoads).map((world) => world.map(({ word }) => word));
  const usual = ['unary', 'unary-4k', 'unary-400k', 'rate', 'streams'];
  assert.deepEqual(words, [usual, ['tls'], ['streams-10k'], ['idle']]);
});
