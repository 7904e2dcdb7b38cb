import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get } from 'node:https';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import test, { type TestContext } from 'node:test';
import { GatewayError } from '../errors.ts';
import { jsonAnswer } from '../http/own-route.ts';
import { makeIdentity } from '../testing/certificate.ts';
import { type OpenGateway, openGateway } from '../testing/open-gateway.ts';
import { checkIdentity } from './tls-identity.ts';
import { ticketKeyBytes, type TlsOptions } from './tls-server.ts';

/** A gateway as one lane runs it, which answers everything by itself. */
function open(t: TestContext, tls: TlsOptions): Promise<OpenGateway> {
  const backend = { unavailable: undefined, send: () => assert.fail('nothing is for a backend') };
  return openGateway(t, backend, { ownRoutes: [() => jsonAnswer(200, { own: true })], tls });
}

/** Connects, says who was met, and leaves with a session that can be resumed. */
async function meet(
  port: number,
  options: ConnectionOptions = {},
): Promise<{ isResumed: boolean; session: Buffer; group: string; protocol: string }> {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ...options,
  });
  const told = once(socket, 'session') as Promise<[Buffer]>;
  told.catch(() => undefined);
  await once(socket, 'secureConnect');
  const { name = '' } = socket.getEphemeralKeyInfo() as { readonly name?: string };
  const met = {
    isResumed: socket.isSessionReused(),
    group: name,
    protocol: socket.getProtocol() ?? '',
  };
  // Tickets come behind the handshake; in version 1.3 with the first bytes that are read.
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  // One that is resumed by version 1.2 is told no other session.
  await once(socket, 'data');
  const [session] = met.isResumed ? [Buffer.alloc(0)] : await told;
  socket.destroy();
  return { ...met, session };
}

function tlsOf(): TlsOptions {
  return { ...makeIdentity(), ticketKeys: randomBytes(ticketKeyBytes) };
}

test('a session begun at one lane goes on at another, and is counted as resumed', async (t) => {
  const tls = tlsOf();
  const [one, other] = [await open(t, tls), await open(t, tls)];
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const first = await meet(one.port, { ca: tls.cert, maxVersion });
    assert.equal(first.isResumed, false);
    assert.equal(first.protocol, maxVersion);
    const { session } = first;
    assert.equal((await meet(other.port, { ca: tls.cert, maxVersion, session })).isResumed, true);
  }
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const line = `millrace_tls_handshakes_total{version="${version}",protocol="http/1.1",resumed="true"} 1`;
    for (let turn = 0; turn < 1000 && !other.registry.expose().includes(line); turn++)
      await new Promise((resolve) => setImmediate(resolve));
    assert.ok(other.registry.expose().includes(line), other.registry.expose());
  }
});

test('a lane with other ticket keys does not take the session, and serves all the same', async (t) => {
  const tls = tlsOf();
  const one = await open(t, tls);
  const other = await open(t, { ...tls, ticketKeys: randomBytes(ticketKeyBytes) });
  const { session } = await meet(one.port, { ca: tls.cert });
  assert.equal((await meet(other.port, { ca: tls.cert, session })).isResumed, false);
});

test('keys are agreed on by X25519MLKEM768 where the client has it, else by X25519', async (t) => {
  const tls = tlsOf();
  const { port } = await open(t, tls);
  assert.equal((await meet(port, { ca: tls.cert })).group, 'X25519MLKEM768');
  assert.equal((await meet(port, { ca: tls.cert, ecdhCurve: 'X25519' })).group, 'X25519');
});

test('versions below 1.2 and what is no TLS are refused and counted', async (t) => {
  const tls = tlsOf();
  const { port, registry } = await open(t, tls);
  const ciphers = 'ALL@SECLEVEL=0';
  await assert.rejects(
    meet(port, { ca: tls.cert, ciphers, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }),
  );
  const failed = /millrace_tls_failed_handshakes_total ([1-9])/;
  while (!failed.test(registry.expose())) await new Promise((resolve) => setImmediate(resolve));
});

test('a request is answered through TLS, and another certificate is served once it is replaced', async (t) => {
  const [before, after] = [tlsOf(), tlsOf()];
  const { port, gateway } = await open(t, before);
  const ask = (ca: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, servername: 'localhost', ca, agent: false };
      get(options, (response) => resolve(response.resume().statusCode)).once('error', reject);
    });
  assert.equal(await ask(before.cert), 200);
  gateway.replaceTls(after);
  assert.equal(await ask(after.cert), 200);
  await assert.rejects(ask(before.cert), /self-signed|certificate/);
  await gateway.drain(1000);
});

test('a certificate that cannot serve is told with the reason', () => {
  const identity = makeIdentity();
  const { subject, validToUnixMs } = checkIdentity(identity, Date.now());
  assert.equal(subject, 'DNS:localhost');
  assert.ok(validToUnixMs > Date.now());
  const why = (given: typeof identity, unixMs = Date.now()): unknown => {
    try {
      return checkIdentity(given, unixMs);
    } catch (error) {
      assert.ok(error instanceof GatewayError && error.code === 'GATEWAY_TLS_INVALID');
      return error.message;
    }
  };
  assert.match(String(why({ ...identity, key: makeIdentity().key })), /key is not that of/);
  assert.match(String(why({ ...identity, cert: 'none' })), /the certificate is no PEM text/);
  assert.match(String(why({ ...identity, key: 'none' })), /the key is no PEM text/);
  assert.match(String(why(identity, validToUnixMs + 60_000)), /holds from .* which is not now/);
});
