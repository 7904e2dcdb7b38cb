import assert from 'node:assert/strict';
import test from 'node:test';
import { seededPrng } from '@millrace/stdx';
import type { Picker, PickField } from './picker.ts';
import {
  consistentHashPicker,
  lowestCostPicker,
  roundRobinPicker,
  twoChoicesPicker,
  weightedPicker,
} from './standard-pickers.ts';

const random = seededPrng(7);

function fieldOf(given: {
  costs?: number[];
  loads?: number[];
  weights?: number[];
  keyHash?: number;
  turn?: number;
}): PickField {
  const count = (given.costs ?? given.loads ?? given.weights ?? []).length;
  const column = (values: readonly number[] = []): Float64Array =>
    // One more than counts, and cheaper: a picker must not look at it.
    Float64Array.from({ length: count + 1 }, (_, at) => (at < count ? (values[at] ?? 0) : -1e9));
  return {
    count,
    costs: column(given.costs),
    loads: column(given.loads),
    weights: column(given.weights),
    endpoints: Int32Array.from({ length: count + 1 }, (_, at) => at),
    keyHash: given.keyHash ?? 0,
    turn: given.turn ?? 0,
    draws: [random.next(), random.next()],
  };
}

function shares(picker: Picker, given: Parameters<typeof fieldOf>[0]): readonly number[] {
  const rounds = 4_000;
  const picked = Array.from({ length: rounds }, (_, turn) =>
    picker.pick(fieldOf({ turn, ...given })),
  );
  const count = fieldOf(given).count;
  assert.ok(picked.every((at) => at >= 0 && at < count));
  return Array.from(
    { length: count },
    (_, at) => picked.filter((one) => one === at).length / rounds,
  );
}

function near(found: readonly number[], expected: readonly number[]): void {
  for (const [at, share] of expected.entries())
    assert.ok(Math.abs((found[at] as number) - share) < 0.04, `${found} is not ${expected}`);
}

test('the lowest cost wins, and ties fall evenly', () => {
  assert.deepEqual(shares(lowestCostPicker, { costs: [5, 3, 4] }), [0, 1, 0]);
  near(shares(lowestCostPicker, { costs: [3, 9, 3, 3] }), [1 / 3, 0, 1 / 3, 1 / 3]);
});

test('of two choices the cheaper wins, and the dearest of all never', () => {
  near(shares(twoChoicesPicker, { costs: [1, 2, 3] }), [2 / 3, 1 / 3, 0]);
  assert.deepEqual(shares(twoChoicesPicker, { costs: [4] }), [1]);
});

test('weights give shares, and no weight at all gives equal ones', () => {
  near(shares(weightedPicker, { weights: [1, 3, 0] }), [0.25, 0.75, 0]);
  near(shares(weightedPicker, { weights: [0, 0] }), [0.5, 0.5]);
});

test('each has its turn', () => {
  near(shares(roundRobinPicker, { costs: [9, 1, 1] }), [1 / 3, 1 / 3, 1 / 3]);
});

test('a key stays at its endpoint until that has too much load', () => {
  const loads = [10, 10, 10, 10];
  for (let keyHash = 0; keyHash < 200; keyHash++) {
    const home = consistentHashPicker.pick(fieldOf({ loads, keyHash }));
    assert.equal(consistentHashPicker.pick(fieldOf({ loads, keyHash })), home);
    const crowded = loads.map((load, at) => (at === home ? 20 : load));
    const away = consistentHashPicker.pick(fieldOf({ loads: crowded, keyHash }));
    assert.notEqual(away, home);
    const slightly = loads.map((load, at) => (at === home ? 12 : load));
    assert.equal(consistentHashPicker.pick(fieldOf({ loads: slightly, keyHash })), home);
  }
  assert.equal(consistentHashPicker.pick(fieldOf({ loads: [0, 0], keyHash: 3 })) >= 0, true);
});
