import assert from 'node:assert/strict';
import test from 'node:test';
import { TimeBudget, TokenBudget } from './step-budget.ts';
import { StepTimePredictor } from './step-time-predictor.ts';

test('tokens are granted until they are used up, and the least even then', () => {
  const budget = new TokenBudget({ tokens: 100, roomTokens: 120 });
  assert.equal(budget.grant({ wanted: 70, least: 1 }), 70);
  assert.equal(budget.grant({ wanted: 70, least: 1 }), 30);
  assert.equal(budget.grant({ wanted: 70, least: 5 }), 5);
  assert.equal(budget.grant({ wanted: 70, least: 0 }), 0);
});

test('a batch has room for no more, whatever the least', () => {
  const budget = new TokenBudget({ tokens: 100, roomTokens: 10 });
  assert.equal(budget.grant({ wanted: 70, least: 20 }), 10);
  assert.equal(budget.grant({ wanted: 70, least: 20 }), 0);
});

test('time buys as many tokens as the predictor says', () => {
  const predictor = new StepTimePredictor();
  const budget = new TimeBudget({ predictor, ms: 100, roomTokens: 8192 });
  const granted = budget.grant({ wanted: 1000, least: 0, position: 0 });
  const work = { microBatches: [{ tokens: granted, outputs: 0, width: 512 }], copiedCells: 0 };
  assert.ok(granted > 0 && granted < 1000);
  assert.ok(predictor.predictMs(work) <= 105, 'and what it buys fits');
  assert.equal(budget.grant({ wanted: 1000, least: 0, position: 0 }), 0, 'nothing is left');
});
