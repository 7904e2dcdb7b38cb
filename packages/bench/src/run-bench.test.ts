import assert from 'node:assert/strict';
import test from 'node:test';
import { runBench } from './run-bench.ts';

async function told(
  ...args: readonly string[]
): Promise<{ readonly status: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const terminal = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
  };
  return { status: await runBench(args, terminal), out, err };
}

test('help is told, whatever else is asked for', async () => {
  const { status, out, err } = await told('routing', '--help');
  assert.deepEqual([status, err], [0, '']);
  assert.match(out, /^Usage: millrace bench engine/);
});

test('a flag that is unknown or lacks its value is named, with what there is', async () => {
  for (const [args, named] of [
    [['routing', '--wat'], /'--wat'/],
    [['gateway', '--rounds'], /'--rounds <value>'/],
    [['engine', '--quick=yes'], /'--quick'/],
  ] as const) {
    const { status, out, err } = await told(...args);
    assert.deepEqual([status, out], [2, '']);
    assert.match(err, named);
    assert.match(err, /Usage: millrace bench engine/);
  }
});

test('a model that is not there is named', async () => {
  const { status, err } = await told('soak', '--model', '/nowhere.gguf');
  assert.equal(status, 2);
  assert.match(err, /^There is no file \/nowhere\.gguf\./);
});

test('a part of a measurement that there is not is named, with those that there are', async () => {
  const { status, err } = await told('kernel', '--only', 'latency,disk');
  assert.equal(status, 2);
  assert.match(err, /"disk"; there are: programs, ring, latency\./);
});
