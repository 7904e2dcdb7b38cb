import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type ProbeLoad, probeToShed } from './shed-policy.ts';

const budget = { costShareMax: 0.02, droppedShareMax: 0.01 };

function load(name: string, costShare: number, droppedShare = 0): ProbeLoad {
  return { name, costShare, droppedShare, isEssential: name === 'sockets' };
}

test('within the budget nothing is turned off', () => {
  assert.equal(probeToShed([load('sockets', 0.01), load('tcp', 0.01, 0.01)], budget), undefined);
});

test('over the budget the dearest goes, never the essential one', () => {
  const shed = probeToShed(
    [load('sockets', 0.02), load('tcp', 0.005), load('run-queue', 0.007)],
    budget,
  );
  assert.equal(shed?.name, 'run-queue');
  assert.match(
    shed.reason,
    /^probes took 3\.20 % of a processor, allowed are 2\.00 %; this one took 0\.70 %$/,
  );
  assert.equal(probeToShed([load('sockets', 0.5)], budget), undefined);
});

test('a probe that loses too much goes, though it costs little', () => {
  const shed = probeToShed(
    [load('sockets', 0, 0.5), load('tcp', 0.001), load('run-queue', 0, 0.02)],
    budget,
  );
  assert.equal(shed?.name, 'run-queue');
});

test('turning off what is named comes to an end, within the budget or with what is essential', () => {
  const anyLoad = fc.record({
    name: fc.uuid(),
    costShare: fc.double({ min: 0, max: 0.1, noNaN: true }),
    droppedShare: fc.double({ min: 0, max: 0.1, noNaN: true }),
    isEssential: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyLoad, { maxLength: 6 }), (loads) => {
      let left: readonly ProbeLoad[] = loads;
      for (
        let shed = probeToShed(left, budget);
        shed !== undefined;
        shed = probeToShed(left, budget)
      ) {
        const before = left.length;
        left = left.filter(({ name }) => name !== shed?.name);
        assert.equal(left.length, before - 1);
      }
      const cost = left.reduce((sum, { costShare }) => sum + costShare, 0);
      assert.ok(cost <= budget.costShareMax || left.every(({ isEssential }) => isEssential));
    }),
  );
});
