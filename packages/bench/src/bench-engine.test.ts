import assert from 'node:assert/strict';
import test from 'node:test';
import { chosenParts, joined } from './bench-engine.ts';

test('a group means its parts, and an unknown word is named', () => {
  assert.deepEqual(chosenParts('overhead,static'), [
    'overhead',
    'static-speed',
    'static-latency',
    'recorded',
  ]);
  assert.deepEqual(chosenParts('overhead,speed'), { unknown: 'speed' });
});

test('a run that goes on replaces its own comparison and keeps the others', () => {
  const figure = (comparison: string, values: readonly number[]) => ({
    comparison,
    side: 'ours',
    name: 'tokens/s',
    values,
  });
  const before = {
    figures: [figure('peers', [1]), figure('mix', [5])],
    goals: [
      { text: 'peers ≥ 1', reached: 0.5, isMet: false },
      { text: 'mix ≥ 2', reached: 3, isMet: true },
    ],
    notes: ['as it was'],
  };
  const more = {
    figures: [figure('peers', [1, 3])],
    goals: [{ text: 'peers ≥ 1', reached: 2, isMet: true }],
    notes: ['as it was', 'new'],
  };
  assert.deepEqual(joined(before, more), {
    figures: [figure('mix', [5]), figure('peers', [1, 3])],
    goals: [
      { text: 'mix ≥ 2', reached: 3, isMet: true },
      { text: 'peers ≥ 1', reached: 2, isMet: true },
    ],
    notes: ['as it was', 'new'],
  });
});
