import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';

/**
 * Asks a local server by TLS, on a connection of its own, for a stream of the model "secret", and reads all of it. A server
 * that closes without TLS's own farewell has answered all the same.
 */
export async function askSecretly(port: number): Promise<void> {
  const request = https.request({
    port,
    host: '127.0.0.1',
    path: '/v1/chat/completions',
    method: 'POST',
    rejectUnauthorized: false,
    agent: false,
  });
  request.end('{"model":"secret","stream":true,"messages":[]}');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined).resume();
  await new Promise((resolve) => response.on('close', resolve));
}
