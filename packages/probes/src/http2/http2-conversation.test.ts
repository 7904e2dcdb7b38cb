import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { type ServerHttp2Stream } from 'node:http2';
import test from 'node:test';
import { Assembly } from '../assembly/assembly.ts';
import type { RequestRecord } from '../requests/request-record.ts';
import { listen, type PassedBytes, startRelay } from '../testing/capture-bytes.ts';
import { SocketScript } from '../testing/socket-script.ts';

type Serve = (stream: ServerHttp2Stream, path: string) => void;
type Use = (client: http2.ClientHttp2Session) => Promise<void>;

/** Lets node's client and server talk over HTTP/2 and gives the bytes that the server received and sent. */
async function converse(serve: Serve, use: Use): Promise<PassedBytes[]> {
  const server = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    serve(stream, String(headers[':path']));
  });
  await using relay = await startRelay(await listen(server));
  const client = http2.connect(`http://127.0.0.1:${relay.port}`, {
    settings: { initialWindowSize: 4096 },
  });
  client.on('error', () => undefined);
  await use(client);
  client.close();
  client.destroy();
  for (const session of sessions) session.destroy();
  await new Promise((resolve) => server.close(resolve));
  return relay.connections[0] ?? [];
}

function assemble(passed: readonly PassedBytes[]): RequestRecord[] {
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record));
  const script = new SocketScript();
  for (const { direction, bytes } of passed) script[direction](bytes);
  for (const event of script.events) assembly.push(event);
  assembly.close();
  return records;
}

async function ask(client: http2.ClientHttp2Session, path: string, body = '{}'): Promise<void> {
  const request = client.request({ ':method': 'POST', ':path': path, 'x-tag': `tag-${path}` });
  request.on('error', () => undefined);
  request.resume();
  request.end(body);
  await once(request, 'close');
}

test('concurrent streams are told apart, with their events and their statuses', async () => {
  const passed = await converse(
    (stream, path) => {
      stream.respond({ ':status': path === '/b' ? 503 : 200, 'content-type': 'text/event-stream' });
      stream.write(`data: {"choices":[{"delta":{"content":"${path}"}}]}\n\n`);
      setTimeout(() => stream.end('data: [DONE]\n\n'), path === '/a' ? 20 : 5);
    },
    async (client) => {
      await Promise.all(
        ['/a', '/b', '/c'].map((path) => ask(client, path, '{"model":"m","stream":true}')),
      );
    },
  );
  const records = assemble(passed).toSorted((one, other) => one.route.localeCompare(other.route));
  assert.deepEqual(
    records.map(({ protocol, route, status, events, contentChunks, model, ending }) => [
      protocol,
      route,
      status,
      events,
      contentChunks,
      model,
      ending,
    ]),
    [
      ['h2', '/a', 200, 2, 1, 'm', 'answered'],
      ['h2', '/b', 503, 2, 1, 'm', 'answered'],
      ['h2', '/c', 200, 2, 1, 'm', 'answered'],
    ],
  );
  assert.deepEqual(
    records.flatMap(({ incomplete }) => incomplete),
    [],
  );
});

test('a client that cancels a stream ends it as cancelled', async () => {
  const passed = await converse(
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('x');
    },
    async (client) => {
      const request = client.request({ ':path': '/cancel' });
      request.on('error', () => undefined);
      await once(request, 'data');
      request.close(http2.constants.NGHTTP2_CANCEL);
      await once(request, 'close');
      await new Promise<void>((resolve) => client.ping(() => resolve()));
    },
  );
  const [record] = assemble(passed);
  assert.equal(record?.ending, 'peer-cancelled');
  assert.equal(record.resetCode, 8);
});

test('what was written after a cancel had arrived, and before the server read of it, is abandoned', () => {
  const frame = (type: number, flags: number, payload: readonly number[]): number[] => [
    ...[0, 0, payload.length, type, flags],
    ...[0, 0, 0, 1],
    ...payload,
  ];
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  // :method GET, :scheme http, :path /; then :status 200 (RFC 7541, appendix A).
  const ask = Uint8Array.from([...preface, ...frame(1, 5, [0x82, 0x86, 0x84])]);
  const reset = Uint8Array.from(frame(3, 0, [0, 0, 0, 8]));
  const script = new SocketScript()
    .receive(ask)
    .send(Uint8Array.from(frame(1, 4, [0x88])))
    .send(Uint8Array.from(frame(0, 0, [120])))
    .wait(100)
    .send(Uint8Array.from(frame(0, 0, [120])))
    .receive(reset);
  const arrivalNs = 50e6;
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record));
  for (const event of script.events) {
    const isReset = event.kind === 'receive' && event.head.length === reset.length;
    assembly.push(isReset ? { ...event, beginNs: arrivalNs } : event);
  }
  const [record] = records;
  assert.equal(record?.ending, 'peer-cancelled');
  assert.equal(record.abandoned?.clientGoneNs, arrivalNs);
  assert.equal(record.abandoned.writes, 1);
});

test('a stream whose client opens no window is stalled until it does', async () => {
  const passed = await converse(
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/plain' });
      stream.end('y'.repeat(10_000));
    },
    async (client) => {
      const request = client.request({ ':path': '/window' });
      request.pause();
      await once(request, 'response');
      await new Promise((resolve) => setTimeout(resolve, 20));
      request.resume();
      await once(request, 'close');
    },
  );
  const [record] = assemble(passed);
  assert.equal(record?.ending, 'answered');
  const [stall] = record.flowStalls;
  assert.equal(stall?.scope, 'stream');
  assert.ok((stall.toNs ?? 0) > stall.fromNs);
});

test('gRPC has its messages as events, and its status from the trailers', async () => {
  const message = (text: string): Buffer => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(text.length, 1);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const passed = await converse(
    (stream) => {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc' },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'grpc-status': '8', 'grpc-message': 'too much' }),
      );
      stream.write(message('one'));
      stream.end(Buffer.concat([message('two'), message('')]));
    },
    async (client) => {
      const request = client.request({
        ':method': 'POST',
        ':path': '/llm.Engine/Generate',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      request.resume();
      request.end(message('prompt'));
      await once(request, 'close');
    },
  );
  const [record] = assemble(passed);
  assert.equal(record?.route, '/llm.Engine/Generate');
  assert.equal(record.events, 3);
  assert.equal(record.contentChunks, undefined);
  assert.equal(record.grpcStatus, 8);
});

/** A frame of HTTP/2 as its bytes. */
function frame(type: number, flags: number, payload: Uint8Array): Uint8Array {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(1, 5);
  return Buffer.concat([head, payload]);
}

test('met midway, a request whose names were said before is timed, and its names are not guessed', () => {
  const script = new SocketScript({ isMidway: true });
  // :method POST from the static table, :path from an entry that was made before.
  script.receive(frame(1, 5, Uint8Array.of(0x83, 0xbe)));
  script.send(frame(1, 4, Uint8Array.of(0x88)), frame(0, 1, Buffer.from('answer')));
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record));
  for (const event of script.events) assembly.push(event);
  assert.equal(records[0]?.method, 'POST');
  assert.equal(records[0].route, '');
  assert.equal(records[0].status, 200);
  assert.equal(records[0].ending, 'answered');
  assert.deepEqual(records[0].incomplete, ['attached-midway']);
});

test('how bytes are cut into operations makes no difference but to what counts operations', async () => {
  const passed = await converse(
    (stream, path) => {
      stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
      stream.end(`data: {"choices":[{"delta":{"content":"${path}"}}]}\n\n`);
    },
    async (client) => {
      await Promise.all(['/a', '/b'].map((path) => ask(client, path)));
    },
  );
  const single = passed.flatMap(({ direction, bytes }) =>
    Array.from(bytes, (byte) => ({ direction, bytes: Uint8Array.of(byte) })),
  );
  const facts = (records: readonly RequestRecord[]): unknown[] =>
    records.map(({ route, status, events, contentChunks, requestBytes, responseBytes, ending }) => [
      route,
      status,
      events,
      contentChunks,
      requestBytes,
      responseBytes,
      ending,
    ]);
  assert.deepEqual(facts(assemble(single)), facts(assemble(passed)));
});
