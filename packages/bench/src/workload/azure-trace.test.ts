import assert from 'node:assert/strict';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import {
  azureLoads,
  azureScale,
  parseAzureTrace,
  readAzureTrace,
  scaledLength,
  stretchTo,
} from './azure-trace.ts';

// The first lines of the trace, two of them changed places.
const text = `TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:51.2224670,879,55
`;

test('reads times from the first request on, in their order', () => {
  const [first, second, third] = parseAzureTrace(text);
  assert.deepEqual(first, { atMs: 0, promptTokens: 374, outputTokens: 44 });
  assert.equal(second?.promptTokens, 396);
  assert.ok(Math.abs((second?.atMs ?? 0) - 4314.579) < 0.01);
  assert.equal(third?.outputTokens, 55);
});

test('a line of another form is refused by its number', () => {
  assert.throws(() => parseAzureTrace(`${text}soon,1,2\n`), {
    code: 'BENCH_TRACE_INVALID',
    message: /line 5 .*soon,1,2/,
  });
  assert.throws(() => parseAzureTrace('a,b\n1,2\n'), { message: /line 1/ });
});

test('a folder that is not given or has no trace is told, not thrown', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'millrace-trace-'));
  assert.deepEqual(Object.keys(readAzureTrace(undefined)), ['unavailable']);
  assert.match(JSON.stringify(readAzureTrace(folder.path)), /there is no Azure/);
});

test('lengths are divided and held within bounds', () => {
  assert.deepEqual(scaledLength({ promptTokens: 800, outputTokens: 100 }), {
    promptTokens: 100,
    outputTokens: 50,
  });
  assert.deepEqual(scaledLength({ promptTokens: 1, outputTokens: 1 }), {
    promptTokens: azureScale.promptTokensMin,
    outputTokens: azureScale.outputTokensMin,
  });
  assert.deepEqual(scaledLength({ promptTokens: 14_050, outputTokens: 1000 }), {
    promptTokens: azureScale.promptTokensMax,
    outputTokens: azureScale.outputTokensMax,
  });
});

test('loads are the same for the same seed and begin with nothing in common', () => {
  const trace = parseAzureTrace(text);
  const loads = azureLoads(trace, { seed: 3, count: 3 });
  assert.deepEqual(loads, azureLoads(trace, { seed: 3, count: 3 }));
  assert.equal(new Set(loads.map(({ load }) => load.prompt.split(' ')[0])).size, 3);
  assert.equal(loads[0]?.load.outputTokens, 22);
});

test('a stretch longer than the trace is the trace', () => {
  assert.equal(azureLoads(parseAzureTrace(text), { seed: 1, count: 99 }).length, 3);
});

test('stretched arrivals have the wanted rate and keep the shares of their gaps', () => {
  const load = { prompt: 'a', outputTokens: 1 };
  const arrivals = [0, 10, 100].map((atMs) => ({ load, atMs }));
  const times = stretchTo(4, arrivals).map(({ atMs }) => atMs);
  assert.deepEqual(times, [0, 50, 500]);
});
