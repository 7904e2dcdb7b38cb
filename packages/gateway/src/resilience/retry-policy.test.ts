import assert from 'node:assert/strict';
import test from 'node:test';
import { decideRetry, isFailureStatus, retryDefaults, type TryEnd } from './retry-policy.ts';

const prng = { next: () => 1, below: () => 0 };
const policy = { ...retryDefaults, triesMax: 4, pauseMs: 10, pauseMsMax: 25, prng };
const fresh = { tries: 1, leftMs: 1_000, isAnotherLeft: true, spend: () => true };
const lost: TryEnd = { kind: 'unanswered' };

test('what was lost or turned away is sent again, an answer is not', () => {
  const status = (code: number): string =>
    decideRetry({ kind: 'status', status: code }, fresh, policy).kind;
  assert.equal(decideRetry(lost, fresh, policy).kind, 'retry');
  assert.deepEqual([429, 502, 503].map(status), ['retry', 'retry', 'retry']);
  assert.deepEqual([200, 400, 404, 500, 504].map(status), ['stop', 'stop', 'stop', 'stop', 'stop']);
  assert.equal(decideRetry({ kind: 'abandoned' }, fresh, policy).kind, 'stop');
});

test('pauses double up to their bound', () => {
  const pauses = [1, 2, 3].map((tries) => decideRetry(lost, { ...fresh, tries }, policy));
  assert.deepEqual(
    pauses,
    [10, 20, 25].map((pauseMs) => ({ kind: 'retry', pauseMs })),
  );
});

test('each bound stops retries, and only an actual retry is paid for', () => {
  let spent = 0;
  const spend = (): boolean => spent++ < 0;
  const reason = (soFar: Partial<typeof fresh>): string => {
    const decision = decideRetry(lost, { ...fresh, spend, ...soFar }, policy);
    return decision.kind === 'stop' ? decision.reason : decision.kind;
  };
  assert.equal(reason({ tries: 4 }), 'tries');
  assert.equal(reason({ isAnotherLeft: false }), 'nobody');
  assert.equal(reason({ leftMs: 10 }), 'deadline');
  assert.equal(spent, 0);
  assert.equal(reason({}), 'budget');
  assert.equal(spent, 1);
});

test('being full is no failure of an endpoint', () => {
  assert.deepEqual([200, 404, 429, 500, 502, 503, 504].filter(isFailureStatus), [500, 502, 504]);
});
