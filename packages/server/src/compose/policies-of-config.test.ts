import assert from 'node:assert/strict';
import test from 'node:test';
import { resilienceDefaults, routingDefaults } from '@millrace/gateway';
import { resiliencePolicyOf, routingRulesOf, timeLimitsOf } from './policies-of-config.ts';

test('what a configuration leaves out is by default, but that requests wait a little', () => {
  const { queue, ...others } = resiliencePolicyOf();
  const { queue: standardQueue, ...standard } = resilienceDefaults;
  assert.deepEqual(others, standard);
  assert.deepEqual(queue, { ...standardQueue, waitMsMax: 2_000 });
  assert.deepEqual(routingRulesOf({}), routingDefaults);
});

test('each key of resilience reaches its policy', () => {
  const policy = resiliencePolicyOf({
    tries: 3,
    retryShare: 0.5,
    circuit: { failures: 9, failureShare: 0.9, openMs: 7, openMsMax: 8 },
    slow: false,
    hedge: { quantile: 0.9, afterMs: 5, share: 0.2, promptTokens: 10 },
    continue: true,
    queue: { length: 4, waitMs: 0 },
  });
  assert.equal(policy.retry.triesMax, 3);
  assert.equal(policy.retryBudget.share, 0.5);
  assert.deepEqual([policy.circuit.failuresInARowMax, policy.circuit.failureShareMax], [9, 0.9]);
  assert.deepEqual([policy.circuit.openMs, policy.circuit.openMsMax], [7, 8]);
  assert.equal(policy.slowness, undefined);
  assert.deepEqual(
    [policy.hedge?.quantile, policy.hedge?.afterMsMin, policy.hedge?.share],
    [0.9, 5, 0.2],
  );
  assert.ok(policy.continuation !== undefined);
  assert.deepEqual(policy.queue, { lengthMax: 4, waitMsMax: 0 });
});

test("an endpoint's own times go before those for all", () => {
  assert.deepEqual(
    timeLimitsOf({ totalMs: 1 }, { totalMs: 2, connectMs: 3, firstByteMs: undefined }),
    {
      totalMsMax: 1,
      connectMsMax: 3,
    },
  );
});

test('rules of users stand in place of the table, and aliases may ask for more than a model', () => {
  const rules = routingRulesOf({
    aliases: { fast: 'small', best: { models: ['large'], tierMin: 90, latencyCritical: true } },
    routing: {
      weights: { prefix: 5 },
      session: 'x-user',
      workloads: [
        { name: 'code', when: { promptTokensMin: 9, latencyCritical: true }, engines: ['vllm'] },
      ],
    },
  });
  assert.deepEqual(rules.weights, { ...routingDefaults.weights, prefix: 5 });
  assert.equal(rules.sessionHeader, 'x-user');
  assert.deepEqual(rules.workloads, [
    { name: 'code', when: { promptTokensMin: 9, isLatencyCritical: true }, engines: ['vllm'] },
  ]);
  assert.deepEqual([...rules.aliasRules], [['best', { tierMin: 90, isLatencyCritical: true }]]);
});
