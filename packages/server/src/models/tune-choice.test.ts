import assert from 'node:assert/strict';
import test from 'node:test';
import { type Candidate, chooseEncoding } from './tune-choice.ts';
import { meanDivergence } from './tune-measure.ts';

function candidate(encoding: string, speed: number, lossNats: number): Candidate {
  return {
    encoding,
    path: encoding,
    lossNats,
    speed: { prefill: speed, decode1: speed, decode8: speed, decode32: speed },
  };
}

const shipped = candidate('Q4_1', 100, 0);

test('the fastest encoding within the loss is chosen', () => {
  const faithful = candidate('Q8_0', 180, 0.001);
  const lossy = candidate('Q4_0', 250, 0.3);
  assert.equal(chooseEncoding([shipped, lossy, faithful]), faithful);
});

test('the shipped file stays where nothing is clearly faster', () => {
  assert.equal(chooseEncoding([shipped, candidate('Q8_0', 105, 0)]), shipped);
});

test('equal distributions do not diverge, others do by the textbook', () => {
  const log = (values: readonly number[]): Float32Array => Float32Array.from(values, Math.log);
  assert.equal(meanDivergence([log([0.5, 0.5])], [log([0.5, 0.5])]), 0);
  const expected = 0.5 * Math.log(0.5 / 0.9) + 0.5 * Math.log(0.5 / 0.1);
  assert.ok(Math.abs(meanDivergence([log([0.5, 0.5])], [log([0.9, 0.1])]) - expected) < 1e-6);
});
