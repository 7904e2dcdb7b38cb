import assert from 'node:assert/strict';
import test from 'node:test';
import { type Candidate, chooseEncoding } from './tune-choice.ts';
import { speedOf } from './tune-speed.ts';

function candidate(encoding: string, tokensPerSecond: number, meanNats: number): Candidate {
  const each = tokensPerSecond;
  return {
    encoding,
    sizeBytes: 1,
    loss: { meanNats, top1Agreement: 1, tokens: 1 },
    speed: speedOf([{ prefill: each, decode1: each, decode8: each, decode32: each }]),
  };
}

const shipped = candidate('Q4_1', 100, 0);

test('the fastest encoding within the loss is chosen', () => {
  const faithful = candidate('Q8_0', 180, 0.001);
  const lossy = candidate('Q4_0', 250, 0.3);
  const { chosen, reason } = chooseEncoding([shipped, lossy, faithful]);
  assert.equal(chosen, faithful);
  assert.equal(reason, 'Q8_0 is 1.80 times as fast as Q4_1 and loses 0.0010 nats');
});

test('the shipped file stays where nothing is clearly faster', () => {
  const { chosen, reason } = chooseEncoding([shipped, candidate('Q8_0', 105, 0)]);
  assert.equal(chosen, shipped);
  assert.match(reason, /1\.05 times .* 1\.1 is what another file is worth/);
});

test('the shipped file stays where all else loses too much', () => {
  const { chosen, reason } = chooseEncoding([shipped, candidate('Q4_0', 300, 0.021)]);
  assert.equal(chosen, shipped);
  assert.equal(reason, 'nothing else loses at most 0.02 nats');
});

test('rounds become their median with least and most', () => {
  const rounds = [5, 1, 3, 100].map((value) => ({
    prefill: value,
    decode1: value,
    decode8: value,
    decode32: value,
  }));
  assert.deepEqual(speedOf(rounds).decode8, { median: 4, least: 1, most: 100 });
});
