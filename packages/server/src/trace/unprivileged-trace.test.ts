import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { capabilitiesOf } from '@millrace/bpf';
import { requireKernel } from '@millrace/bpf/testing';
import { makeIdentity } from '@millrace/gateway/testing';
import { askSecretly } from '@millrace/probes/testing';
import { runTraceCommand } from '../cli/trace-command.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { startLocalServer } from '../testing/local-server.ts';
import { LiveTrace } from './live-trace.ts';
import { TracePipeline } from './trace-pipeline.ts';
import { UnprivilegedTrace } from './unprivileged-trace.ts';
import { resolveWatch } from './watch-choice.ts';

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

const tlsServer = `
const options = JSON.parse(process.env.IDENTITY);
const server = require('node:https').createServer(options, (request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end('data: {"model":"secret","choices":[{"delta":{"content":"a"}}]}\\n\\n');
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

test('a server that starts later is followed behind TLS without privileges', async (t) => {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'])) return;
  const flags = ['trace', '--json', '--tls', '--unprivileged'];
  const trace = spawn(process.execPath, ['--conditions=@millrace/source', program, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => trace.kill('SIGKILL'));
  let [out, err] = ['', ''];
  trace.stdout.on('data', (piece: Buffer) => (out += String(piece)));
  trace.stderr.on('data', (piece: Buffer) => (err += String(piece)));
  while (!err.includes('--privileged is needed') && trace.exitCode === null) await sleep(20);
  const server = spawn(process.execPath, ['--eval', tlsServer], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, IDENTITY: JSON.stringify(makeIdentity()) },
  });
  t.after(() => server.kill('SIGKILL'));
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  const port = Number(String(line));
  // It looks for servers every two seconds, and knows a process by its first answer.
  for (let tries = 0; tries < 150 && !out.includes('"secret"'); tries += 1) {
    await askSecretly(port);
    await sleep(200);
  }
  assert.match(out, new RegExp(`127\\.0\\.0\\.1:${port}`), err);
  assert.match(out, /"model":"secret"/, err);
  trace.kill('SIGTERM');
  const [status] = (await once(trace, 'close')) as [number | null];
  assert.equal(status, 0, err);
});

for (const isCounted of [true, false]) {
  const [what, left] = isCounted
    ? ['what the count that was left to it tells', ['sockets']]
    : ['nothing where nobody counts', ['run-queue', 'sockets', 'stamps', 'tcp-health']];
  test(`without privileges a trace turns probes off by ${what}`, async (t) => {
    if (!requireKernel(t, ['CAP_SYS_ADMIN', 'CAP_BPF', 'CAP_PERFMON'])) return;
    await using server = await startLocalServer((_, response) => response.end('x'));
    const watched = resolveWatch({ port: Number(new URL(server.url).port) });
    const shed: string[] = [];
    const enough = new AbortController();
    const minding = {
      budget: { costShareMax: 0, droppedShareMax: 1 },
      meterEveryMs: 600,
      onShed: (probe: string) => {
        shed.push(probe);
        if (shed.length === 3) enough.abort();
      },
    };
    const pipeline = new TracePipeline({ onRequest: () => undefined, isWanted: () => true });
    const options = { watched, pipeline, minding, epochNs: 0, followsTls: false } as const;
    // What is handed over is closed by who takes it over, which is another program elsewhere.
    const { counting, ...handed } = new LiveTrace({ ...options, reach: 'by-file' }).handOver();
    assert.ok(counting !== undefined);
    if (!isCounted) closeSync(counting);
    using trace = new UnprivilegedTrace({
      handed: isCounted ? { ...handed, counting } : handed,
      pipeline,
      minding,
    });
    assert.equal(trace.limits.join().includes('CAP_SYS_ADMIN'), !isCounted);
    const asking = (async () => {
      while (!enough.signal.aborted) await (await fetch(server.url)).text();
    })();
    const patienceMs = isCounted ? 30_000 : 2_500;
    setTimeout(() => enough.abort(), patienceMs).unref();
    await trace.run(enough.signal, () => undefined);
    await asking;
    const attached = trace.status.filter(({ programs }) =>
      programs.some(({ isAttached }) => isAttached),
    );
    assert.deepEqual(attached.map(({ name }) => name).toSorted(), left);
    assert.equal(shed.length, 4 - left.length);
  });
}
