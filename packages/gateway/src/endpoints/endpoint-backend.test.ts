import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { answerTo, type BackendAnswer, type BackendRequest } from '../backends/backend.ts';
import { readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { type FleetOptions, openFleet, type OpenFleet } from '../testing/open-fleet.ts';

/** A server that lists one model and answers everything else by `answer`. */
async function openServer(t: TestContext, model: string, answer: RequestListener): Promise<URL> {
  const server = createServer((request, response) => {
    if (request.url === '/v1/models')
      sendJson(response, { data: [{ id: model, max_model_len: 64 }] });
    else if (request.method === 'GET') response.writeHead(404).end();
    else answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

async function open(
  t: TestContext,
  urls: readonly URL[],
  more: FleetOptions = {},
): Promise<OpenFleet> {
  const fleet = await openFleet(urls, more);
  t.after(() => fleet[Symbol.dispose]());
  return fleet;
}

function asking(model: string, text = ''): BackendRequest {
  return {
    method: 'POST',
    target: '/v1/chat/completions',
    headers: HeaderBlock.of({
      'content-type': 'application/json',
      authorization: 'Bearer client',
    }),
    body: Buffer.from(JSON.stringify({ model, messages: text === '' ? [] : [text] })),
    cancellation: new Cancellation(),
  };
}

async function textOf(answer: BackendAnswer): Promise<string> {
  assert.ok(answer.kind === 'answered', answer.kind);
  const body = await readBody(answer.message.body, 2 ** 20);
  assert.ok(body.kind === 'whole', body.kind);
  return body.bytes.toString();
}

const named =
  (name: string): RequestListener =>
  (request, response) => {
    request.resume();
    request.once('end', () => response.end(name));
  };

test('a request goes to an endpoint that serves its model', async (t) => {
  const urls = await Promise.all([
    openServer(t, 'small', named('one')),
    openServer(t, 'large', named('two')),
  ]);
  const { backend } = await open(t, urls);
  for (const [model, name] of [
    ['small', 'one'],
    ['large', 'two'],
    ['small', 'one'],
  ] as const)
    assert.equal(await textOf(await answerTo(backend, asking(model))), name);
});

test('a model that nobody serves is refused with those that are served', async (t) => {
  const { backend } = await open(t, [await openServer(t, 'small', named('one'))], {
    aliases: { fast: ['small'] },
  });
  const answer = await answerTo(backend, asking('huge'));
  assert.equal(answer.kind === 'failed' && answer.error.status, 404);
  assert.match(answer.kind === 'failed' ? answer.error.message : '', /"huge".*"small", "fast"/);
});

test('an alias is answered by its model, under that name', async (t) => {
  const echo: RequestListener = (request, response) => void request.pipe(response);
  const { backend } = await open(t, [await openServer(t, 'small', echo)], {
    aliases: { fast: ['absent', 'small'] },
  });
  const sent = JSON.parse(await textOf(await answerTo(backend, asking('fast')))) as object;
  assert.deepEqual(sent, { model: 'small', messages: [] });
});

test('a request that an endpoint lost or turned away goes to another, once', async (t) => {
  let turnedAwayCount = 0;
  const full: RequestListener = (_request, response) => {
    turnedAwayCount++;
    response.writeHead(503).end('full');
  };
  const dead: RequestListener = (request) => void request.socket.destroy();
  for (const first of [full, dead]) {
    const urls = await Promise.all([openServer(t, 'm', first), openServer(t, 'm', named('kept'))]);
    const { backend } = await open(t, urls);
    for (let count = 0; count < 8; count++)
      assert.equal(await textOf(await answerTo(backend, asking('m'))), 'kept');
  }
  assert.ok(turnedAwayCount > 0, 'the full one was asked');
});

test('when all are full the client is told so by the last one', async (t) => {
  const full: RequestListener = (_request, response) =>
    void response.writeHead(429, { 'retry-after': '7' }).end('full');
  const urls = await Promise.all([openServer(t, 'm', full), openServer(t, 'm', full)]);
  const answer = await answerTo((await open(t, urls)).backend, asking('m'));
  assert.equal(answer.kind === 'answered' && answer.message.headers.get('retry-after'), '7');
});

test('an endpoint that cannot be reached is not asked, and the reason is told', async (t) => {
  const { backend, endpoints } = await open(t, [new URL('http://127.0.0.1:1')]);
  assert.equal(endpoints[0]?.health.state, 'failing');
  assert.match(backend.unavailable?.message ?? '', /e0: .*ECONNREFUSED/);
});

test('load is spread by what is in flight', async (t) => {
  const seen = [0, 0];
  const waiting: (() => void)[] = [];
  const hold =
    (index: 0 | 1): RequestListener =>
    (_request, response) => {
      seen[index] = (seen[index] ?? 0) + 1;
      waiting.push(() => response.end());
      if (waiting.length === 8) for (const release of waiting) release();
    };
  const urls = await Promise.all([openServer(t, 'm', hold(0)), openServer(t, 'm', hold(1))]);
  const { backend, endpoints } = await open(t, urls);
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => answerTo(backend, asking('m'))),
  );
  await Promise.all(answers.map(textOf));
  assert.deepEqual(seen, [4, 4]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    endpoints.map(({ activeCount }) => activeCount),
    [0, 0],
  );
});

test("an endpoint's own key is sent instead of the client's", async (t) => {
  const tell: RequestListener = (request, response) =>
    void response.end(request.headers.authorization);
  const { backend } = await open(t, [await openServer(t, 'm', tell)], {
    options: { authorization: 'Bearer own' },
  });
  assert.equal(await textOf(await answerTo(backend, asking('m'))), 'Bearer own');
});

test('a body that is no JSON is refused before any endpoint is asked', async (t) => {
  const { backend } = await open(t, [await openServer(t, 'm', named('x'))]);
  const answer = await answerTo(backend, { ...asking('m'), body: Buffer.from('{"model":') });
  assert.equal(answer.kind === 'failed' && answer.error.code, 'body_not_json');
});

test('requests with one beginning go where it was computed, others elsewhere', async (t) => {
  const urls = await Promise.all([openServer(t, 'm', named('a')), openServer(t, 'm', named('b'))]);
  const { backend } = await open(t, urls);
  const send = async (text: string): Promise<string> =>
    textOf(await answerTo(backend, asking('m', text)));
  const homes = new Map<string, string>();
  for (const topic of ['river', 'stone', 'cloud', 'bread', 'night', 'glass']) {
    const beginning = `${topic} `.repeat(400);
    homes.set(beginning, await send(`${beginning} first`));
  }
  for (const [beginning, home] of homes)
    for (let count = 0; count < 4; count++)
      assert.equal(await send(`${beginning} question ${count}`), home);
  assert.equal(new Set(homes.values()).size, 2, 'both took some');
});
