import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requireKernel } from '@millrace/bpf/testing';
import { traceLineSchema } from './trace-schema.ts';

const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));
const model = process.env.MILLRACE_TEST_MODEL;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('an engine is seen from the kernel: its requests, its tokens, the calls of llama_decode', async (t) => {
  if (model === undefined) return t.skip('needs a model: MILLRACE_TEST_MODEL');
  if (!requireKernel(t)) return;
  const port = await freePort();
  const start = (...args: readonly string[]) =>
    spawn(process.execPath, ['--conditions=@millrace/source', program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const engine = start('engine', `--model=${model}`, '--model-id=small', `--port=${port}`);
  t.after(() => engine.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    ))
  )
    await sleep(100);
  const trace = start('trace', '--json', `--pid=${engine.pid}`, '--requests=1');
  t.after(() => trace.kill('SIGKILL'));
  const out = text(trace.stdout);
  let err = '';
  trace.stderr.on('data', (piece: Buffer) => (err += String(piece)));
  while (!err.includes('watching')) await sleep(50);
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'small',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 12,
      messages: [{ role: 'user', content: 'Count to twenty.' }],
    }),
  });
  await response.text();
  const line = traceLineSchema.parse(JSON.parse(await out));
  assert.equal(line.route, '/v1/chat/completions');
  assert.equal(line.model, 'small');
  assert.equal(line.complete, true);
  const { tokens, content_chunks, ttft_ms, duration_ms } = line;
  assert.ok(tokens?.output !== undefined && tokens.output !== null && tokens.output > 1);
  assert.ok(content_chunks !== null && content_chunks > 1 && content_chunks <= tokens.output);
  assert.ok(ttft_ms !== null && ttft_ms > 0 && ttft_ms < duration_ms);
  await once(trace, 'exit').catch(() => undefined);
  const steps = Number(/(\d+) calls of llama_decode/.exec(err)?.[1]);
  assert.ok(steps >= tokens.output - 1, err);
});
