import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import type { TLSSocket } from 'node:tls';
import { answerTo, type BackendAnswer } from './backend.ts';
import { readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { makeIdentity } from '../testing/certificate.ts';
import { openHttpBackend } from '../testing/open-gateway.ts';
import type { HttpBackend } from './http-backend.ts';

test('an engine behind TLS is known by its certificate, and its sessions are taken up again', async (t) => {
  const identity = makeIdentity();
  const resumed: boolean[] = [];
  const server = createServer(identity, (request, response) => {
    resumed.push((request.socket as TLSSocket).isSessionReused());
    // Each request on a connection of its own: only then is there a session to take up.
    response.setHeader('connection', 'close');
    request.pipe(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const address = { kind: 'tls', host: 'localhost', port } as const;
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const send = (backend: HttpBackend, body: Buffer): Promise<BackendAnswer> =>
    answerTo(backend, {
      method: 'POST',
      target: '/',
      headers: HeaderBlock.empty,
      body,
      cancellation: new Cancellation(),
    });
  const known = openHttpBackend(t, address, { certificates: identity.cert });
  for (const length of [10, 300_000, 10]) {
    const body = Buffer.alloc(length, 'x');
    const answer = await send(known, body);
    assert.ok(answer.kind === 'answered', JSON.stringify(answer));
    assert.deepEqual(await readBody(answer.message.body, 2 ** 20), { kind: 'whole', bytes: body });
  }
  assert.equal(resumed[0], false);
  assert.equal(resumed.at(-1), true);
  const refused = await send(openHttpBackend(t, address), Buffer.alloc(0));
  assert.match(refused.kind === 'failed' ? refused.error.message : refused.kind, /certificate/);
});
