import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import test from 'node:test';
import { apiError } from '@millrace/openai';
import { openGateway, openGatewayBefore, openHttpBackend } from '../testing/open-gateway.ts';

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

test('a request and its answer pass as they came', async (t) => {
  const seen: Record<string, unknown> = {};
  const { origin: url } = await openGatewayBefore(t, (request, response) => {
    const answer = async (): Promise<void> => {
      Object.assign(seen, { body: await bodyOf(request), target: request.url });
      Object.assign(seen, { headers: request.headers });
      response.writeHead(201, { 'content-type': 'text/plain', 'x-own': 'kept' }).end('answer');
    };
    void answer();
  });
  const body = '{"b" : 1,\n"a":"\u00e9 \\u0041"}';
  const response = await fetch(`${url}/v1/anything?x=1`, {
    method: 'POST',
    body,
    headers: {
      authorization: 'Bearer k',
      'x-millrace-tenant': 'somebody else',
      'x-request-id': 'mine',
    },
  });
  assert.equal(response.status, 201);
  assert.equal(response.headers.get('x-own'), 'kept');
  assert.equal(response.headers.get('x-request-id'), 'mine');
  assert.equal(await response.text(), 'answer');
  assert.equal(seen['body'], body);
  assert.equal(seen['target'], '/v1/anything?x=1');
  const headers = seen['headers'] as Record<string, string>;
  assert.equal(headers['x-request-id'], 'mine');
  assert.notEqual(
    headers['x-millrace-tenant'],
    'somebody else',
    'a client does not choose its tenant',
  );
});

test('a stream passes piece by piece', async (t) => {
  let release = (): void => undefined;
  const { origin: url } = await openGatewayBefore(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: one\n\n');
    release = () => response.end('data: two\n\n');
  });
  const reader = (await fetch(url)).body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader?.read())?.value, 'data: one\n\n', 'before the second is written');
  release();
  assert.equal((await reader?.read())?.value, 'data: two\n\n');
});

for (const state of ['waiting for the first byte', 'streaming'] as const) {
  test(`a client that goes away while ${state} ends the request upstream`, async (t) => {
    const closed = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    const { origin: url } = await openGatewayBefore(t, (_request, response) => {
      response.once('close', () => closed.resolve());
      if (state === 'streaming') response.writeHead(200).write('part');
      arrived.resolve();
    });
    const client = new AbortController();
    const asking = fetch(url, { signal: client.signal }).then((response) => response.text());
    asking.catch(() => undefined);
    await arrived.promise;
    client.abort();
    await closed.promise;
  });
}

test('a backend that dies in a stream of events ends it with an error event', async (t) => {
  const { origin: url } = await openGatewayBefore(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: one\n\n', () => response.destroy());
  });
  const text = await (await fetch(url)).text();
  assert.match(text, /^data: one\n\ndata: \{"error":.*"code":"backend_failed"/);
});

test('a backend that dies in any other answer cuts the connection', async (t) => {
  const { origin: url } = await openGatewayBefore(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('part', () => response.destroy());
  });
  await assert.rejects(async () => (await fetch(url)).text());
});

test('a backend that stops sending is given up', async (t) => {
  const stalled = { bounds: { pieceMsMax: 100 } };
  const { origin: url } = await openGatewayBefore(
    t,
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: one\n\n');
    },
    stalled,
  );
  assert.match(await (await fetch(url)).text(), /stopped sending/);
});

test('a backend that cannot be reached, or is not there yet, is a clear error', async (t) => {
  const dead = await openGatewayBefore(t, (request) => request.socket.destroy());
  const failed = await fetch(dead.origin);
  assert.equal(failed.status, 502);
  const starting = apiError('backend_unavailable', 'The engine is starting.', {
    retryAfterMs: 1500,
  });
  const nowhere = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;
  const backend = openHttpBackend(t, nowhere, { unavailable: () => starting });
  const absent = await openGateway(t, backend);
  const refused = await fetch(absent.origin);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '2');
});

test("a connection that the backend closed meanwhile is not the client's trouble", async (t) => {
  let count = 0;
  const { origin: url } = await openGatewayBefore(t, (request, response) => {
    count++;
    // Closes behind its answer without having said so, as llama-server does after a stream.
    response.end('whole', () => setImmediate(() => request.socket.destroy()));
  });
  for (let round = 0; round < 20; round++) {
    const response = await fetch(url, { method: 'POST', body: 'x' });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), 'whole');
  }
  assert.ok(count >= 20);
});

test('a body over the bound is refused by name, and the connection ends', async (t) => {
  const { origin: url } = await openGatewayBefore(
    t,
    () => assert.fail('nothing reaches the backend'),
    {
      bounds: { bodyBytesMax: 10 },
    },
  );
  const response = await fetch(url, { method: 'POST', body: 'x'.repeat(11) });
  assert.equal(response.status, 413);
  assert.match(await response.text(), /limit of 10 bytes/);
});

test('draining finishes what runs and takes nothing new', async (t) => {
  let release = (): void => undefined;
  const arrived = Promise.withResolvers<void>();
  const { origin: url, gateway } = await openGatewayBefore(t, (_request, response) => {
    release = () => response.end('late');
    arrived.resolve();
  });
  const running = fetch(url);
  await arrived.promise;
  const drained = gateway.drain(10_000);
  const refused = connect(Number(new URL(url).port), '127.0.0.1');
  await assert.rejects(once(refused, 'connect'), { code: 'ECONNREFUSED' });
  release();
  assert.equal(await (await running).text(), 'late');
  await drained;
});
