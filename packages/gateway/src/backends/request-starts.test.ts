import assert from 'node:assert/strict';
import test from 'node:test';
import type { BackendAddress } from './backend-address.ts';
import { RequestStarts } from './request-starts.ts';

const tcp: BackendAddress = { kind: 'tcp', host: '127.0.0.1', port: 8000, pathPrefix: '/engine' };

function starts(
  authorization?: string,
): (address: BackendAddress, method: string, target: string) => string {
  const made = new RequestStarts(authorization);
  return (...parts) => made.of(...parts).toString('latin1');
}

test('a request begins with its line, the host and the key of the engine', () => {
  const startOf = starts('Bearer own');
  const expected =
    'POST /engine/v1/models?a=1 HTTP/1.1\r\nhost: 127.0.0.1:8000\r\nauthorization: Bearer own\r\n';
  assert.equal(startOf(tcp, 'POST', '/v1/models?a=1'), expected);
  assert.equal(starts()(tcp, 'GET', '/'), 'GET /engine/ HTTP/1.1\r\nhost: 127.0.0.1:8000\r\n');
});

test('it is as its own request says, whatever the one before it said', () => {
  const startOf = starts();
  const socket: BackendAddress = { kind: 'socket', path: '/tmp/s' };
  const tls: BackendAddress = { kind: 'tls', host: '::1', port: 443 };
  for (const address of [tcp, socket, tls])
    for (const method of ['GET', 'POST'])
      for (const target of ['/a', '/b'])
        for (let count = 0; count < 2; count++)
          assert.equal(startOf(address, method, target), starts()(address, method, target));
  assert.match(startOf(socket, 'GET', '/a'), /^GET \/a HTTP\/1\.1\r\nhost: localhost\r\n$/);
  assert.match(startOf(tls, 'GET', '/a'), /\r\nhost: \[::1\]\r\n$/);
});
