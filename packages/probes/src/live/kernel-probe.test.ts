import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireKernel } from '@millrace/bpf/testing';
import { drainedRequests } from '../testing/drained-requests.ts';
import { listen } from '../testing/capture-bytes.ts';
import { openKernelProbe } from './kernel-probe.ts';

const body = JSON.stringify({
  model: 'small',
  stream: true,
  messages: [{ role: 'user', content: 'Hi' }],
});

function chunkOf(content: string): string {
  return `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
}

async function ask(port: number): Promise<void> {
  const request = http.request({
    port,
    host: '127.0.0.1',
    path: '/v1/chat/completions',
    method: 'POST',
    // A connection that is kept may end just when it is wanted: attaching a probe takes seconds on a busy machine.
    agent: false,
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
}

/** A test that fails leaves no server behind, which would keep the file from ending. */
function closeAfter(t: TestContext, server: http.Server): void {
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
}

test('a node server is seen from the kernel: head, each write, the end', async (t) => {
  if (!requireKernel(t)) return;
  const server = http.createServer(async (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const content of ['a', 'b', 'c']) {
      await sleep(10);
      response.write(chunkOf(content));
    }
    response.end('data: [DONE]\n\n');
  });
  closeAfter(t, server);
  const port = await listen(server);
  using probe = openKernelProbe('sockets', { ports: [port], tgids: [process.pid] });
  assert.deepEqual(
    probe.programs.filter(({ isAttached }) => !isAttached),
    [],
  );
  await ask(port);
  const [record, ...others] = drainedRequests(probe);
  assert.deepEqual(others, []);
  assert.equal(record?.route, '/v1/chat/completions');
  assert.equal(record.model, 'small');
  assert.equal(record.status, 200);
  assert.equal(record.contentChunks, 3);
  assert.equal(record.tgid, process.pid);
  assert.equal(record.localPort, port);
  assert.equal(record.peerAddress, '127.0.0.1');
  assert.ok((record.firstOutputNs ?? 0) - record.startNs >= 9e6);
  assert.deepEqual(record.incomplete, []);
  const losses = probe.losses();
  assert.equal(losses.attempted, losses.delivered + losses.dropped + losses.discarded);
  assert.equal(losses.dropped, 0);
});

test('other ports and other processes are left alone', async (t) => {
  if (!requireKernel(t)) return;
  const server = http.createServer((_, response) => response.end('x'));
  closeAfter(t, server);
  const port = await listen(server);
  for (const filter of [{ ports: [port === 1 ? 2 : 1] }, { ports: [port], tgids: [1] }]) {
    using probe = openKernelProbe('sockets', filter);
    await ask(port);
    assert.deepEqual(drainedRequests(probe), []);
    assert.equal(probe.losses().attempted, 0);
  }
});

test('requests over a Unix socket of a watched process are seen, and the client is no server', async (t) => {
  if (!requireKernel(t)) return;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-unix-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 's');
  const server = http.createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunkOf('a'));
    response.end(chunkOf('b'));
  });
  closeAfter(t, server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  using probe = openKernelProbe('sockets', { ports: [], tgids: [process.pid] });
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  for (const target of ['/first', '/second']) {
    const request = http.request({ socketPath: path, path: target, method: 'POST', agent });
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
  }
  const records = drainedRequests(probe);
  assert.deepEqual(
    records.map(({ route, contentChunks, localPort }) => [route, contentChunks, localPort]),
    [
      ['/first', 2, 0],
      ['/second', 2, 0],
    ],
  );
  assert.ok(path.startsWith((records[0]?.localAddress ?? '').replace('…', '')));
  assert.equal(records[0]?.peerAddress, '');
});

test('a port that a watched process opens later is watched', async (t) => {
  if (!requireKernel(t)) return;
  using probe = openKernelProbe('sockets', { ports: [], tgids: [process.pid] });
  const server = http.createServer((_, response) => response.end('x'));
  closeAfter(t, server);
  const port = await listen(server);
  assert.deepEqual(probe.ports(), [port]);
  await ask(port);
  assert.equal(drainedRequests(probe).length, 1);
});

test('a name that is too long for the kernel is refused', () => {
  assert.throws(() => openKernelProbe('sockets', { ports: [], comm: 'a-name-of-seventeen' }), {
    code: 'PROBES_OPTION_INVALID',
  });
});
