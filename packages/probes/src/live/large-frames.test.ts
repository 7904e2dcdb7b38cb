import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import test from 'node:test';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { requireCommand, requireKernel } from '@millrace/bpf/testing';
import type { RequestRecord } from '../requests/request-record.ts';
import { listen } from '../testing/capture-bytes.ts';
import { drainedRequests } from '../testing/drained-requests.ts';
import { openKernelProbe } from './kernel-probe.ts';

const messageBytes = 300_000;
const identity = (value: Buffer): Buffer => value;
const method = {
  path: '/llm.Engine/Embed',
  requestStream: false,
  responseStream: true,
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
} as const;

test('@grpc/grpc-js: messages of many frames each way leave no frame unseen', async (t) => {
  if (!requireKernel(t)) return;
  const server = new grpc.Server();
  server.addService(
    { Embed: method },
    {
      Embed: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
        for (let count = 0; count < 3; count++) call.write(Buffer.alloc(messageBytes, count));
        call.end();
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
  for (let call = 0; call < 3; call++) {
    const stream = client.makeServerStreamRequest(
      method.path,
      identity,
      identity,
      Buffer.alloc(messageBytes, 1),
    );
    stream.resume();
    await once(stream, 'status');
  }
  client.close();
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const records = drainedRequests(probe);
  assert.equal(records.length, 3);
  for (const record of records) {
    assert.deepEqual(
      [record.route, record.events, record.grpcStatus, record.ending, record.incomplete],
      [method.path, 3, 0, 'answered', []],
    );
    assert.ok(record.requestBytes > messageBytes);
    assert.ok(record.responseBytes > 3 * messageBytes);
  }
  assertStalled(records);
});

/** The client opens its window as it reads, so that the server ran into it, and it was opened each time. */
function assertStalled(records: readonly RequestRecord[]): void {
  const stalls = records.flatMap(({ flowStalls }) => flowStalls);
  assert.ok(stalls.length > 0);
  for (const { fromNs, toNs } of stalls) assert.ok(toNs !== undefined && toNs >= fromNs);
}

test('curl and nghttp read answers of many frames, whose ends are seen', async (t) => {
  if (!requireKernel(t) || !requireCommand(t, 'curl') || !requireCommand(t, 'nghttp')) return;
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' });
    stream.end(Buffer.alloc(1_000_000));
  });
  const port = await listen(server);
  t.after(() => server.close());
  using probe = openKernelProbe('sockets', { ports: [port], tgids: [process.pid] });
  const run = promisify(execFile);
  const url = `http://127.0.0.1:${port}`;
  const silent = ['--silent', '--http2-prior-knowledge', '--output', '/dev/null'];
  await run('curl', [...silent, `${url}/a`]);
  await run('curl', [...silent, `${url}/b`]);
  await run('nghttp', ['--null-out', '--window-bits=16', `${url}/c`, `${url}/d`]);
  const records = drainedRequests(probe);
  assert.deepEqual(
    records
      .map(({ route, status, ending, incomplete }) => [route, status, ending, incomplete])
      .toSorted(([one = ''], [other = '']) => (String(one) < String(other) ? -1 : 1)),
    ['/a', '/b', '/c', '/d'].map((route) => [route, 200, 'answered', []]),
  );
  for (const { responseBytes } of records) assert.ok(responseBytes > 1_000_000);
});
