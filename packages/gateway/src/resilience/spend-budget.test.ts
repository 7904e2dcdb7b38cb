import assert from 'node:assert/strict';
import test from 'node:test';
import { VirtualClock } from '@millrace/stdx';
import { SpendBudget } from './spend-budget.ts';

function make(bounds: { share: number; perSecondMin: number; savedMax: number }): {
  budget: SpendBudget;
  clock: VirtualClock;
  spendAll: () => number;
} {
  const clock = new VirtualClock();
  clock.advance(1_000);
  const budget = new SpendBudget(new Int32Array(2), clock, bounds);
  const spendAll = (): number => {
    let count = 0;
    while (budget.spend()) count++;
    return count;
  };
  return { budget, clock, spendAll };
}

test('when everything fails, extra requests stop at their share', () => {
  const { budget, spendAll } = make({ share: 0.2, perSecondMin: 0, savedMax: 10 });
  assert.equal(spendAll(), 10, 'what was saved');
  let extra = 0;
  for (let request = 0; request < 1_000; request++) {
    budget.earn();
    if (budget.spend()) extra++;
  }
  assert.equal(extra, 200);
});

test('a quiet gateway may still try again a few times a second', () => {
  const { clock, spendAll } = make({ share: 0, perSecondMin: 2, savedMax: 5 });
  spendAll();
  clock.advance(1_000);
  assert.equal(spendAll(), 2);
  clock.advance(60_000);
  assert.equal(spendAll(), 5, 'no more than may be saved');
});

test('two threads share what there is', () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const clock = new VirtualClock();
  clock.advance(5);
  const bounds = { share: 0, perSecondMin: 0, savedMax: 2 };
  const one = new SpendBudget(words, clock, bounds);
  const other = new SpendBudget(words, clock, bounds);
  assert.deepEqual(
    [one.spend(), other.spend(), one.spend(), other.spend()],
    [true, true, false, false],
  );
});
