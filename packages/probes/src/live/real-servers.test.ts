import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { requireCommand, requireKernel } from '@millrace/bpf/testing';
import { drainedRequests } from '../testing/drained-requests.ts';
import { openKernelProbe } from './kernel-probe.ts';

async function ask(port: number): Promise<string> {
  const request = http.request({
    port,
    host: '127.0.0.1',
    path: '/v1/chat/completions',
    method: 'POST',
    agent: false,
  });
  request.end(
    JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], model: 'small', stream: true }),
  );
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let body = '';
  for await (const piece of response) body += String(piece);
  return body;
}

/** Runs a server that writes its port on a line; ends it with the test. */
async function startServer(
  t: { after: (run: () => void) => void },
  command: readonly [string, ...string[]],
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [piece] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, port: Number(String(piece).trim()) };
}

const pythonServer = `
import json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        self.send_response(200)
        self.send_header('content-type', 'text/event-stream')
        self.send_header('transfer-encoding', 'chunked')
        self.end_headers()
        for word in ['a', 'b', 'c', None]:
            data = '[DONE]' if word is None else json.dumps({'choices': [{'delta': {'content': word}}]})
            piece = ('data: ' + data + '\\n\\n').encode()
            self.wfile.write(b'%x\\r\\n%s\\r\\n' % (len(piece), piece))
            time.sleep(0.005)
        self.wfile.write(b'0\\r\\n\\r\\n')
    def log_message(self, *args): pass
server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
`;

test("Python's http.server: a thread a connection, calls that block", async (t) => {
  if (!requireKernel(t) || !requireCommand(t, 'python3')) return;
  const { child, port } = await startServer(t, ['python3', '-c', pythonServer]);
  using probe = openKernelProbe('sockets', { ports: [port], tgids: [child.pid ?? 0] });
  await Promise.all([ask(port), ask(port)]);
  const records = drainedRequests(probe);
  assert.equal(records.length, 2);
  for (const { contentChunks, events, model, status, promptHash, incomplete, tgid } of records) {
    assert.deepEqual([contentChunks, events, model, status, tgid], [3, 4, 'small', 200, child.pid]);
    assert.match(promptHash ?? '', /^[0-9a-f]{16}$/);
    assert.deepEqual(incomplete, []);
  }
  assert.equal(records[0]?.promptHash, records[1]?.promptHash);
});

const clusterServer = `
const cluster = require('node:cluster');
const http = require('node:http');
if (cluster.isPrimary) {
  process.stdin.once('data', () => {
    const worker = cluster.fork();
    worker.on('listening', ({ port }) => console.log(port));
  });
} else {
  http.createServer((request, response) => { request.resume(); response.end('{"model":"forked"}'); }).listen(0, '127.0.0.1');
}
`;

test('a worker that is forked after the probe was attached is followed', async (t) => {
  if (!requireKernel(t)) return;
  const folder = mkdtempSync(join(tmpdir(), 'millrace-cluster-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const script = join(folder, 'server.cjs');
  writeFileSync(script, clusterServer);
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  using probe = openKernelProbe('sockets', { ports: [], tgids: [child.pid ?? 0] });
  child.stdin.write('fork\n');
  const [piece] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(String(piece).trim());
  assert.ok(probe.processes().length > 1, 'the worker is among the processes');
  await ask(port);
  const [record] = drainedRequests(probe);
  assert.equal(record?.status, 200);
  assert.ok(record.tgid !== child.pid && probe.processes().includes(record.tgid));
});

const bytes = {
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
};
const method = {
  path: '/llm.Engine/Generate',
  requestStream: false,
  responseStream: true,
  ...bytes,
  responseSerialize: bytes.requestSerialize,
  responseDeserialize: bytes.requestDeserialize,
} as const;

test('@grpc/grpc-js: messages, status from trailers, a cancelled call', async (t) => {
  if (!requireKernel(t)) return;
  const server = new grpc.Server();
  server.addService(
    { Generate: method },
    {
      Generate: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
        const what = String(call.request);
        for (const word of ['one', 'two', 'three']) call.write(Buffer.from(word));
        if (what === 'fail')
          call.emit('error', { code: grpc.status.RESOURCE_EXHAUSTED, details: 'too much' });
        else if (what !== 'hang') call.end();
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  using probe = openKernelProbe('sockets', { ports: [port], tgids: [process.pid] });
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const call = async (what: string): Promise<void> => {
    const stream = client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      Buffer.from(what),
    );
    let messages = 0;
    stream.on('data', () => {
      messages++;
      if (what === 'hang' && messages === 3) stream.cancel();
    });
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.on('status', resolve));
  };
  await Promise.all([call('ok'), call('fail'), call('hang')]);
  client.close();
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const records = drainedRequests(probe);
  assert.deepEqual(
    records
      .map(({ route, protocol, events, grpcStatus, ending }) => [
        route,
        protocol,
        events,
        grpcStatus,
        ending,
      ])
      .toSorted((one, other) => Number(one[3]) - Number(other[3])),
    [
      ['/llm.Engine/Generate', 'h2', 3, 0, 'answered'],
      ['/llm.Engine/Generate', 'h2', 3, 1, 'peer-cancelled'],
      ['/llm.Engine/Generate', 'h2', 3, 8, 'answered'],
    ],
  );
});
