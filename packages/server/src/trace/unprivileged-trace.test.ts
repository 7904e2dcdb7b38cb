import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { capabilitiesOf } from '@millrace/bpf';
import { requireKernel } from '@millrace/bpf/testing';
import { runTraceCommand } from '../cli/trace-command.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';

const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));

test('a trace gives up its privileges by itself: no thread has a capability, and every request is told', async (t) => {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'])) return;
  const server = createServer((_, response) => response.end('x'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const args = ['trace', '--json', `--port=${port}`, '--requests=3'];
  const trace = spawn(process.execPath, ['--conditions=@millrace/source', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => trace.kill('SIGKILL'));
  const out = text(trace.stdout);
  let err = '';
  trace.stderr.on('data', (piece: Buffer) => (err += String(piece)));
  while (!err.includes('watching') && trace.exitCode === null) await sleep(20);
  const tasks = readdirSync(`/proc/${trace.pid}/task`).map((task) =>
    readFileSync(`/proc/${trace.pid}/task/${task}/status`, 'utf8'),
  );
  assert.ok(tasks.length >= 2, 'Node has several threads');
  for (const task of tasks) {
    assert.equal(capabilitiesOf(task).size, 0);
    assert.match(task, /^CapPrm:\s*0+$/m);
    assert.match(task, /^CapBnd:\s*0+$/m);
    assert.match(task, /^NoNewPrivs:\s*1$/m);
  }
  for (let request = 0; request < 3; request += 1) {
    await (await fetch(`http://127.0.0.1:${port}/v1/models`)).text();
  }
  const [status] = (await once(trace, 'close')) as [number | null];
  assert.equal(status, 0, err);
  const lines = (await out)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { route: string; status: number });
  assert.deepEqual(
    lines.map((line) => [line.route, line.status]),
    [1, 2, 3].map(() => ['/v1/models', 200]),
  );
  assert.match(err, /sockets: (\d+) events attempted/);
});

test('a recording and no privileges are not asked for together', async () => {
  await assert.rejects(runTraceCommand(['--unprivileged', '--record', 'x'], new FakeTerminal()), {
    code: 'SERVER_SETTING_INVALID',
    message: /--record and --unprivileged/,
  });
});

test('a server that starts later is found without privileges', async (t) => {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'])) return;
  const args = ['--conditions=@millrace/source', program, 'trace', '--json', '--unprivileged'];
  const trace = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => trace.kill('SIGKILL'));
  let [out, err] = ['', ''];
  trace.stdout.on('data', (piece: Buffer) => (out += String(piece)));
  trace.stderr.on('data', (piece: Buffer) => (err += String(piece)));
  while (!err.includes('watching') && trace.exitCode === null) await sleep(20);
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end('data: {"model":"later","choices":[{"delta":{"content":"a"}}]}\n\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  // It looks for servers every two seconds; what came before is not told.
  for (let tries = 0; tries < 60 && !out.includes(`127.0.0.1:${port}`); tries += 1) {
    const url = `http://127.0.0.1:${port}/v1/chat/completions`;
    const headers = { connection: 'close' };
    const body = '{"model":"later","messages":[],"stream":true}';
    await (await fetch(url, { method: 'POST', headers, body })).text();
    await sleep(200);
  }
  assert.ok(out.includes(`127.0.0.1:${port}`), err);
  trace.kill('SIGTERM');
  const [status] = (await once(trace, 'close')) as [number | null];
  assert.equal(status, 0, err);
});
