import assert from 'node:assert/strict';
import test from 'node:test';
import type { Candidate } from './tune-choice.ts';
import { speedOf } from './tune-speed.ts';
import { describeTuning } from './tune-table.ts';
import type { TuneRecord } from './tune-record.ts';

function candidate(encoding: string, meanNats: number, speeds: readonly number[]): Candidate {
  const rounds = speeds.map((each) => ({
    prefill: each,
    decode1: each,
    decode8: each,
    decode32: each,
  }));
  const loss = { meanNats, top1Agreement: 0.5, tokens: 590 };
  const plain = { encoding, sizeBytes: 2 ** 20, loss };
  return speeds.length === 0 ? plain : { ...plain, speed: speedOf(rounds) };
}

function recordOf(rounds: number, candidates: readonly Candidate[]): TuneRecord {
  const key = { modelSha256: '', processors: '', libraryVersion: '' };
  return { key, rounds, candidates, reason: 'it is faster', servedPath: '/c/m.Q8_0.gguf' };
}

test('several rounds are told as medians with their spread', () => {
  const candidates = [candidate('Q4_1', 0, [90, 100, 110]), candidate('Q8_0', 0.01, [200])];
  const text = describeTuning(recordOf(3, candidates));
  assert.match(text, /^Q8_0 .* 200 .*0\.01000 +50\.0 % {2}← served$/m);
  assert.match(text, /medians of 3 rounds taken in turns/);
  assert.match(text, /the rounds of one figure lie at most 20 % apart\./);
  assert.match(text, /^Served: Q8_0 \(m\.Q8_0\.gguf\), because it is faster\.$/m);
});

test('one round is not told as a median, and claims no spread', () => {
  const text = describeTuning(recordOf(1, [candidate('Q4_1', 0, [90])]));
  assert.match(text, /tokens\/s, of one round, which a busy machine can disturb;/);
  assert.doesNotMatch(text, /apart|median/);
});

test('what loses too much has no speed and says so', () => {
  const text = describeTuning(recordOf(0, [candidate('Q4_1', 0, []), candidate('Q4_0', 0.3, [])]));
  assert.match(text, /^Q4_0 .*–.* {2}loses too much$/m);
});

test('what was not measured says why', () => {
  assert.equal(describeTuning(recordOf(0, [])), 'It is served as it is: it is faster.\n');
});
