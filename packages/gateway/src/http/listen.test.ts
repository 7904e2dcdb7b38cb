import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import test, { type TestContext } from 'node:test';
import { GatewayError } from '../errors.ts';
import { claimPlace, listenAt, whyPortNotShared } from './listen.ts';

const anyPort = { host: '127.0.0.1', port: 0 };

function open(t: TestContext): ReturnType<typeof createServer> {
  const server = createServer((socket) => void socket.end());
  t.after(() => server.close());
  return server;
}

test('a port of 0 becomes the one that was given, and servers that share it listen there too', async (t) => {
  if ((await whyPortNotShared('127.0.0.1')) !== undefined) return t.skip('no SO_REUSEPORT here');
  const place = await listenAt(open(t), { listen: anyPort, isPortShared: true });
  assert.ok('port' in place && place.port > 0);
  assert.deepEqual(await listenAt(open(t), { listen: place, isPortShared: true }), place);
});

test('a place that somebody listens at is not claimed, also where the port could be shared', async (t) => {
  const place = await listenAt(open(t), { listen: anyPort, isPortShared: true });
  await assert.rejects(
    claimPlace(place),
    (error) =>
      error instanceof GatewayError &&
      error.code === 'GATEWAY_ADDRESS_IN_USE' &&
      /it is in use/.test(error.message),
  );
});

test('a place that was claimed is free for those who claimed it', async (t) => {
  const server = open(t);
  const place = await listenAt(server, { listen: anyPort });
  server.close();
  await once(server, 'close');
  await claimPlace(place);
  assert.deepEqual(await listenAt(open(t), { listen: place }), place);
});

test('a place where nobody can listen says why', async (t) => {
  await assert.rejects(
    listenAt(open(t), { listen: { socket: '/nowhere/at/all.sock' } }),
    (error) => error instanceof GatewayError && error.code === 'GATEWAY_LISTEN_FAILED',
  );
  assert.match(String(await whyPortNotShared('203.0.113.1')), /listen on 203\.0\.113\.1/);
});
