import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { type Prng, seededPrng } from '@millrace/stdx';
import { endpointDefaults } from '../options.ts';
import { circuitDefaults } from '../resilience/circuit-bounds.ts';
import { retryDefaults } from '../resilience/retry-policy.ts';
import { openFleet } from '../testing/open-fleet.ts';
import { openGateway } from '../testing/open-gateway.ts';

const requestCount = 1500;
const clientCount = 24;
const bounds = {
  ...endpointDefaults,
  lookMs: 20,
  firstByteMsMax: 500,
  failuresMax: 3,
};

/** Answers a request in one way of the world. */
type Behaviour = (...args: Parameters<RequestListener>) => void;

const behaviours: Readonly<Record<string, Behaviour>> = {
  whole: (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('{"whole":true}'),
  stream: (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"piece":1}\n\n');
    setImmediate(() => response.end('data: [DONE]\n\n'));
  },
  'dies before': (request) => void request.socket.destroy(),
  'dies amid': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"piece":1}\n\n', () => response.destroy());
  },
  garbage: (request) => void request.socket.end('no HTTP at all\r\n\r\n'),
  fails: (_request, response) => void response.writeHead(500).end('{"error":{"message":"broken"}}'),
  full: (_request, response) => void response.writeHead(503).end('{"error":{"message":"full"}}'),
  hangs: () => undefined,
};

/** An engine that mostly answers, and otherwise does anything. */
async function openEngine(
  t: TestContext,
  random: Prng,
): Promise<{ url: URL; running: () => number }> {
  let running = 0;
  const names = Object.keys(behaviours);
  const server = createServer((request, response) => {
    if (request.url === '/v1/models') return void response.end('{"data":[{"id":"m"}]}');
    if (request.method === 'GET') return void response.writeHead(404).end();
    running++;
    response.once('close', () => running--);
    request.resume();
    request.once('end', () => {
      const name = random.below(3) > 0 ? names[random.below(2)] : names[random.below(names.length)];
      behaviours[name as string]?.(request, response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: new URL(`http://127.0.0.1:${port}`), running: () => running };
}

type Outcome = 'whole' | 'stream' | 'error event' | 'error answer' | 'gave up';

async function ask(url: string, random: Prng): Promise<Outcome> {
  const leaving = new AbortController();
  if (random.below(10) === 0) setImmediate(() => leaving.abort());
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [`${random.below(20)}`.repeat(800)] }),
      signal: leaving.signal,
    });
    const text = await response.text();
    if (response.status !== 200) {
      assert.match(text, /"error":\{"message":"[^"]+/, `status ${response.status} says why`);
      return 'error answer';
    }
    if (text === '{"whole":true}') return 'whole';
    if (text.endsWith('[DONE]\n\n')) return 'stream';
    assert.match(text, /data: \{"error":\{"message":"[^"]+/, 'a broken stream says so');
    return 'error event';
  } catch (error) {
    if (leaving.signal.aborted) return 'gave up';
    throw error;
  }
}

test('among engines that die, hang and lie every request ends, and nothing is left running', async (t) => {
  const random = seededPrng(2026);
  const engines = await Promise.all([1, 2, 3, 4].map((seed) => openEngine(t, seededPrng(seed))));
  using fleet = await openFleet(
    engines.map(({ url }) => url),
    {
      bounds,
      isWatched: true,
      policy: {
        retry: { ...retryDefaults, triesMax: 3 },
        retryBudget: { share: 1, perSecondMin: 10, savedMax: 100 },
        circuit: { ...circuitDefaults, openMs: 30 },
        queue: { lengthMax: 1_024, waitMsMax: 1_000 },
      },
    },
  );
  const { endpoints } = fleet;
  const { gateway, origin } = await openGateway(t, fleet.backend);

  const outcomes = new Map<Outcome, number>();
  let left = requestCount;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const outcome = await ask(origin, random);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: clientCount }, client));

  const total = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
  assert.equal(total, requestCount);
  const answered = (outcomes.get('whole') ?? 0) + (outcomes.get('stream') ?? 0);
  const told = JSON.stringify(Object.fromEntries(outcomes));
  // On a machine that is busy with other things more of them time out, which is clear too.
  assert.ok(answered > requestCount * 0.5, `most are answered in spite of all: ${told}`);
  assert.ok((outcomes.get('error event') ?? 0) > 0, `streams were broken: ${told}`);
  assert.ok((outcomes.get('gave up') ?? 0) > 0, `clients left: ${told}`);

  await gateway[Symbol.asyncDispose]();
  for (const endpoint of endpoints) endpoint.backend[Symbol.dispose]();
  // Connections that were just cut are seen by the engines in their own next turns.
  for (let turn = 0; turn < 500 && engines.some(({ running }) => running() > 0); turn++)
    await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    engines.map(({ running }) => running()),
    [0, 0, 0, 0],
    'no engine is still at work',
  );
  assert.deepEqual(
    endpoints.map(({ activeCount }) => activeCount),
    [0, 0, 0, 0],
    'every request has been taken off its endpoint',
  );
});
