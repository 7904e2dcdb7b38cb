import assert from 'node:assert/strict';
import test from 'node:test';
import { readSamples } from './prometheus-text.ts';

const text = `# HELP up Whether it is up.
# TYPE up gauge
up 1
vllm:num_requests_running{model_name="a \\"b\\" \\\\ c",engine="0"} 3.0
vllm:num_requests_running{model_name="other",engine="1"} 2 1700000000000
vllm:num_requests_running_total 9
broken{a="b" 3
wrong nothing
big +Inf
`;

test('reads the samples asked for, with their labels', () => {
  const samples = readSamples(text, new Set(['vllm:num_requests_running']));
  assert.deepEqual(
    samples.map(({ labels, value }) => [labels['model_name'], labels['engine'], value]),
    [
      ['a "b" \\ c', '0', 3],
      ['other', '1', 2],
    ],
  );
});

test('passes over lines that are no samples', () => {
  const samples = readSamples(text, new Set(['broken', 'wrong', 'big', 'up', '#']));
  assert.deepEqual(
    samples.map(({ name, value }) => [name, value]),
    [
      ['up', 1],
      ['big', Number.POSITIVE_INFINITY],
    ],
  );
});
