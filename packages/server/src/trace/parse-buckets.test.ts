import assert from 'node:assert/strict';
import test from 'node:test';
import { parseBuckets } from './parse-buckets.ts';

test('bounds are read by histogram, in seconds', () => {
  assert.deepEqual(parseBuckets('ttft=0.1,0.5,2'), { timeToFirstToken: [0.1, 0.5, 2] });
  assert.deepEqual(parseBuckets('gap=0.01;duration=1,60'), { gap: [0.01], duration: [1, 60] });
});

for (const [text, reason] of [
  ['0.1,0.5', /"0.1,0.5" is no histogram; there are ttft, tpot, duration, gap/],
  ['ttft=', /ttft takes 1 to 64 ascending seconds above 0/],
  ['ttft=2,1', /ascending/],
  ['ttft=0,1', /above 0/],
  ['gap=1,x', /gap takes/],
  ['gap=1;gap=2', /gap is given twice/],
  [`gap=${Array.from({ length: 65 }, (_, at) => at + 1).join(',')}`, /1 to 64/],
] as const) {
  test(`bounds that are none are refused: ${text.slice(0, 20)}`, () => {
    assert.throws(() => parseBuckets(text), { code: 'SERVER_SETTING_INVALID', message: reason });
  });
}
