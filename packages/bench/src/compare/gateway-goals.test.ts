import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Figure } from '../report/report.ts';
import { addedLatency, gatewayGoals, goalFigures, goalLoads } from './gateway-goals.ts';

function figure(load: string, side: string, name: string, values: readonly number[]): Figure {
  return { comparison: load, side, name, values };
}

test('a ratio is of medians and is set against its bound', () => {
  const [goal, ...others] = gatewayGoals([
    figure(goalLoads.unary, 'millrace', goalFigures.cpu, [19, 20, 90]),
    figure(goalLoads.unary, 'nginx', goalFigures.cpu, [10, 10, 1]),
  ]);
  assert.equal(goal?.reached, 2);
  assert.equal(goal.isMet, false);
  assert.deepEqual(others, []);
});

test('a side that was left out has no goal', () => {
  assert.deepEqual(gatewayGoals([figure(goalLoads.unary, 'nginx', goalFigures.cpu, [10])]), []);
});

test("latency is compared with nginx's by difference", () => {
  const goals = gatewayGoals([
    figure(goalLoads.steady, 'millrace', goalFigures.p50, [250]),
    figure(goalLoads.steady, 'nginx', goalFigures.p50, [200]),
    figure(goalLoads.steady, 'millrace', goalFigures.p99, [900]),
    figure(goalLoads.steady, 'nginx', goalFigures.p99, [500]),
  ]);
  assert.deepEqual(
    goals.map(({ reached, isMet }) => [reached, isMet]),
    [
      [50, true],
      [400, false],
    ],
  );
});

test('added latency is the difference from no proxy, where that was measured', () => {
  const figures = [
    figure('one', 'direct', goalFigures.p50, [40, 60, 50]),
    figure('one', 'nginx', goalFigures.p50, [80, 90, 85]),
    figure('other', 'nginx', goalFigures.p50, [85]),
  ];
  assert.deepEqual(addedLatency(figures), [
    figure('one', 'nginx', `added ${goalFigures.p50}`, [35]),
  ]);
});
