import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { measure } from './measured-request.ts';

const answer =
  'data: {"choices":[{"text":"a"}]}\n\ndata: {"choices":[],"usage":{"completion_tokens":2}}\n\ndata: [DONE]\n\n';

test('a request on a kept connection that is reset before an answer is sent once more', async (t) => {
  let count = 0;
  const server = createServer((request, response) => {
    request.resume();
    // The second request comes on the connection of the first, as one does that the server is closing.
    if (++count === 2) return void request.socket.destroy();
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(answer);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const target = { url: `http://127.0.0.1:${port}`, modelId: 'm', agent };
  for (let asked = 0; asked < 2; asked++) {
    const { outcome, outputTokens } = await measure(target, { prompt: 'p', outputTokens: 2 });
    assert.deepEqual({ outcome, outputTokens }, { outcome: 'answered', outputTokens: 2 });
  }
  assert.equal(count, 3);
});

test('a connection of its own that is reset is a failure', async (t) => {
  const server = createServer((request) => void request.socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new Agent({ keepAlive: true });
  t.after(() => {
    agent.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const target = { url: `http://127.0.0.1:${port}`, modelId: 'm', agent };
  const { outcome } = await measure(target, { prompt: 'p', outputTokens: 2 });
  assert.equal(outcome, 'failed');
});
