import assert from 'node:assert/strict';
import test from 'node:test';
import { LearnedFigures } from './learned-figures.ts';

const rule = { name: 'chat', when: {}, engines: ['one', 'two'] };
const fleet = { engines: ['three', 'two', 'one'], msPerCost: 0 };

function observe(figures: LearnedFigures, engine: string, latencyMs: number, cost = 0): void {
  for (let at = 0; at < 20; at++) figures.observe(engine, 'chat', { latencyMs, cost });
}

test('the table holds until engines have been measured, which then trade places', () => {
  const figures = new LearnedFigures();
  assert.deepEqual(figures.order(rule, fleet), ['one', 'two', 'three']);
  observe(figures, 'one', 100);
  assert.deepEqual(figures.order(rule, fleet), ['one', 'two', 'three']);
  observe(figures, 'three', 50);
  assert.deepEqual(figures.order(rule, fleet), ['three', 'two', 'one']);
});

test('cost counts as much as it is said to be worth', () => {
  const figures = new LearnedFigures();
  observe(figures, 'one', 100, 2);
  observe(figures, 'two', 120, 1);
  assert.deepEqual(figures.order(rule, fleet), ['one', 'two', 'three']);
  assert.deepEqual(figures.order(rule, { ...fleet, msPerCost: 30 }), ['two', 'one', 'three']);
});

test('a class without preference has an order only by measurement', () => {
  const figures = new LearnedFigures();
  const plain = { name: 'chat', when: {}, engines: [] };
  observe(figures, 'one', 100);
  assert.deepEqual(figures.order(plain, fleet), []);
  observe(figures, 'two', 90);
  assert.deepEqual(figures.order(plain, fleet), ['three', 'two', 'one']);
});

test('a figure is a mean at first and follows the latest answers later', () => {
  const figures = new LearnedFigures({ observationsMin: 3, observationsKept: 10 });
  for (const latencyMs of [10, 20]) figures.observe('one', 'chat', { latencyMs, cost: 1 });
  assert.equal(figures.figure('one', 'chat'), undefined);
  figures.observe('one', 'chat', { latencyMs: 60, cost: 1 });
  assert.deepEqual(figures.figure('one', 'chat'), { latencyMs: 30, cost: 1, observations: 3 });
  for (let at = 0; at < 100; at++) figures.observe('one', 'chat', { latencyMs: 500, cost: 1 });
  assert.ok((figures.figure('one', 'chat')?.latencyMs ?? 0) > 499);
});

test('pairs past the bound are counted and not kept', () => {
  const figures = new LearnedFigures({ pairsMax: 2, observationsMin: 1 });
  for (const engine of ['one', 'two', 'three']) observe(figures, engine, 5);
  assert.equal(figures.refused, 20);
  assert.equal(figures.figure('three', 'chat'), undefined);
  assert.ok(figures.figure('one', 'chat') !== undefined);
});
