import assert from 'node:assert/strict';
import test from 'node:test';
import { seededPrng, VirtualClock } from '@millrace/stdx';
import { type DecisionRecord, replayDecision } from './decision-record.ts';
import { endpointFacts } from './endpoints/endpoint.ts';
import { EndpointTable } from './endpoints/endpoint-table.ts';
import { twoChoicesPicker } from './pickers/standard-pickers.ts';
import { EngineBlocks } from './prefix-index/engine-blocks.ts';
import { PrefixLedger } from './prefix-index/prefix-ledger.ts';
import { tokenChain } from './prefix-index/token-chain.ts';
import { policyOf } from './policy-of-record.ts';
import { standardPolicy, type RoutePolicy } from './route-policy.ts';
import type { RouteRequest } from './route-request.ts';
import { Router } from './router.ts';
import { chainOf } from './testing/chains.ts';

function build(
  count = 3,
  policy: RoutePolicy = standardPolicy,
): {
  table: EndpointTable;
  ledger: PrefixLedger;
  router: Router;
} {
  const table = EndpointTable.create({
    endpointsMax: count,
    memory: 'private',
    clock: new VirtualClock(),
  });
  const ledger = PrefixLedger.create(new VirtualClock(), {
    endpointsMax: count,
    ledgerBytes: 2 ** 18,
  });
  const endpoints = Array.from({ length: count }, (_, index) =>
    endpointFacts({ id: `e${index}`, index, models: ['small'], contextTokensMax: 8_192 }),
  );
  return {
    table,
    ledger,
    router: new Router({ endpoints, table, ledger, policy, prng: seededPrng(1) }),
  };
}

const request: RouteRequest = {
  model: 'small',
  promptTokens: 1_000,
  outputTokensMax: 100,
  chain: chainOf([1, 2, 3, 4, 5, 6, 7, 8]),
  tokensPerBlock: 125,
};

test('a prefix draws a request to its endpoint until load there outweighs it', () => {
  const { table, ledger, router } = build();
  ledger.confirm(chainOf([1, 2, 3, 4]), 2, 0);
  const first = router.route(request);
  assert.ok(first.kind === 'picked');
  assert.deepEqual([first.endpoint.id, first.cachedTokens, first.uncachedTokens], ['e2', 500, 500]);
  table.beginPrefill(2, 1_499);
  const second = router.route(request);
  assert.equal(second.kind === 'picked' && second.endpoint.id, 'e2');
  table.beginPrefill(2, 2);
  const third = router.route(request);
  assert.ok(third.kind === 'picked' && third.endpoint.id !== 'e2');
});

test('an endpoint that does not keep what the ledger promises loses its draw', () => {
  const { table, ledger, router } = build();
  ledger.confirm(chainOf([1, 2, 3, 4]), 2, 0);
  table.beginPrefill(2, 300);
  const before = router.route(request);
  assert.equal(before.kind === 'picked' && before.endpoint.id, 'e2');
  for (let at = 0; at < 30; at++) table.observeCachedTokens(2, { promised: 500, cached: 0 });
  const after = router.route(request);
  assert.ok(after.kind === 'picked' && after.endpoint.id !== 'e2');
});

test('where no endpoint can take a request the reasons are counted', () => {
  const { table, router } = build();
  table.setState(0, 'ejected');
  table.setCircuit(1, 'open');
  table.setState(2, 'ejected');
  const decision = router.route(request);
  assert.deepEqual(decision, { kind: 'none', reasons: { ejected: 2, 'circuit is open': 1 } });
  const record = router.lastRecord();
  assert.ok(record !== undefined && record.picked === undefined);
  assert.equal(replayDecision(record, standardPolicy), undefined);
});

for (const policy of [standardPolicy, { ...standardPolicy, picker: twoChoicesPicker }]) {
  test(`the record of a decision by ${policy.picker.name} leads to it again, through JSON`, () => {
    const { table, ledger, router } = build(16, policy);
    const random = seededPrng(11);
    assert.equal(router.lastRecord(), undefined);
    const picked = new Set<string>();
    for (let at = 0; at < 200; at++) {
      const endpoint = random.below(16);
      table.beginPrefill(endpoint, random.below(50));
      table.setState(random.below(16), random.next() < 0.2 ? 'draining' : 'healthy');
      if (at % 5 === 0)
        ledger.confirm(chainOf([1, 2, 3].slice(0, 1 + random.below(3))), endpoint, 0);
      const decision = router.route(request);
      const record = JSON.parse(JSON.stringify(router.lastRecord())) as NonNullable<
        ReturnType<Router['lastRecord']>
      >;
      assert.ok(decision.kind === 'picked');
      assert.equal(record.picked, decision.endpoint.id);
      assert.equal(record.predicted?.ttftMs, decision.predictedTtftMs);
      assert.equal(replayDecision(record, policy), decision.endpoint.id);
      picked.add(decision.endpoint.id);
      for (const { seen, reason, cost, scores } of record.candidates) {
        assert.equal(reason === undefined, seen.state === 'healthy');
        if (reason === undefined) {
          const total = Object.entries(scores).reduce(
            (sum, [name, score]) => sum + score * (record.weights[name] as number),
            0,
          );
          assert.equal(cost, total);
        }
      }
    }
    assert.ok(picked.size > 4, 'endpoints do not always tie the same way');
  });
}

test('requests that nothing tells apart spread over idle endpoints', () => {
  const { router } = build(4);
  const counts = new Map<string, number>();
  for (let at = 0; at < 400; at++) {
    const decision = router.route(request);
    assert.ok(decision.kind === 'picked');
    counts.set(decision.endpoint.id, (counts.get(decision.endpoint.id) ?? 0) + 1);
  }
  assert.ok([...counts.values()].every((count) => count > 60 && count < 140));
});

test('what an engine says of its cache goes before what the ledger only supposes', () => {
  const clock = new VirtualClock();
  const table = EndpointTable.create({ endpointsMax: 2, memory: 'private', clock });
  const [ledger, exactLedger] = [1, 2].map(() =>
    PrefixLedger.create(clock, { endpointsMax: 2, ledgerBytes: 2 ** 17 }),
  );
  assert.ok(ledger !== undefined && exactLedger !== undefined);
  const endpoints = [0, 1].map((index) =>
    endpointFacts({ id: `e${index}`, index, models: ['small'] }),
  );
  const exact = { ledger: exactLedger, blockSizes: Uint16Array.of(0, 16) };
  const router = new Router({ endpoints, table, ledger, prng: seededPrng(1), exact });
  const tokens = Int32Array.from({ length: 64 }, (_, at) => at);
  const chain = chainOf([1, 2, 3, 4]);
  const request = {
    model: 'small',
    promptTokens: 64,
    outputTokensMax: 1,
    chain,
    tokensPerBlock: 16,
  };
  const asked = { ...request, exact: { chain: tokenChain(tokens, 16, 0), blockSize: 16 } };
  ledger.confirm(chain, 1, 0);
  const supposed = router.route(request);
  assert.ok(supposed.kind === 'picked' && supposed.cachedTokens === 64);
  const known = router.lastRecord();
  assert.equal(known?.candidates[1]?.seen.matchedTokens, 64);
  router.route(asked);
  assert.equal(router.lastRecord()?.candidates[1]?.seen.matchedTokens, 0, 'it holds nothing');
  const blocks = new EngineBlocks(exactLedger, 1, 100);
  blocks.store({
    blocks: [1, 2],
    parent: undefined,
    tokenIds: tokens.subarray(0, 32),
    blockSize: 16,
    medium: 'GPU',
    salt: 0,
  });
  const told = router.route(asked);
  assert.ok(told.kind === 'picked' && told.endpoint.id === 'e1' && told.cachedTokens === 32);
});

test('a record is made again from itself alone, also when it has been through JSON', () => {
  const pickers = [twoChoicesPicker, standardPolicy.picker];
  for (const picker of pickers) {
    const { router, ledger } = build(5, { ...standardPolicy, picker });
    ledger.confirm(chainOf([1, 2, 3]), 2, 0);
    for (let count = 0; count < 50; count++) {
      const chain = chainOf([1, 2, count]);
      router.route({
        model: 'small',
        promptTokens: 300,
        outputTokensMax: 9,
        chain,
        tokensPerBlock: 100,
      });
      const record = JSON.parse(JSON.stringify(router.lastRecord())) as DecisionRecord;
      assert.equal(replayDecision(record, policyOf(record)), record.picked);
    }
  }
  const { router } = build();
  router.route({ model: 'small', promptTokens: 1, outputTokensMax: 1 });
  const record = router.lastRecord() ?? assert.fail();
  assert.throws(() => policyOf({ ...record, picker: 'dice' }), /no picker "dice"/);
});
