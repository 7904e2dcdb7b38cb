import assert from 'node:assert/strict';
import test from 'node:test';
import { seededPrng, VirtualClock } from '@millrace/stdx';
import { endpointDefaults } from '../options.ts';
import { createEndpointMemory } from './endpoint-memory.ts';
import { EndpointRouter } from './endpoint-router.ts';
import { type Endpoint, openEndpoint } from './endpoint.ts';
import type { PromptFacts } from './prompt-facts.ts';

const clock = new VirtualClock();
const bounds = { ...endpointDefaults, endpointsMax: 4, ledgerBytes: 65_536 };
const hints = { sessionHash: undefined, qualityTierMin: undefined, isLatencyCritical: false };
const facts: PromptFacts = {
  model: 'm',
  chain: { words: new Uint32Array(0), first: 0, blockCount: 0 },
  promptTokens: 10,
  outputTokensMax: 10,
  isStream: false,
  scanned: undefined,
};

function endpointsNamed(names: readonly string[]): readonly Endpoint[] {
  return names.map((name, index) => {
    const options = {
      name,
      url: new URL('http://127.0.0.1:9'),
      kind: undefined,
      models: undefined,
      contextTokensMax: undefined,
      weight: 1,
      authorization: undefined,
    };
    const endpoint = openEndpoint(options, { clock, bounds, index });
    endpoint.models = [{ id: 'm', contextTokensMax: undefined, quantization: undefined }];
    return endpoint;
  });
}

test('a request that knows endpoints which are no longer in force goes to none of the others', () => {
  const memory = createEndpointMemory({ ...bounds, clock, lanesMax: 1 });
  const router = new EndpointRouter({ ...bounds, clock, random: seededPrng(1), memory });
  const [before, after] = endpointsNamed(['before', 'after']) as [Endpoint, Endpoint];
  router.replaceEndpoints([after], 'prefix');
  assert.equal(router.dispatch(facts, 'm', { candidates: [before], hints }), undefined);
  using dispatch = router.dispatch(facts, 'm', { candidates: [after], hints });
  assert.equal(dispatch?.endpoint, after);
  for (const endpoint of [before, after]) endpoint.backend[Symbol.dispose]();
});
