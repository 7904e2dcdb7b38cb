import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { answerTo, type BackendAnswer, type BackendRequest } from '../backends/backend.ts';
import { readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { circuitDefaults } from '../resilience/circuit-bounds.ts';
import { hedgeDefaults } from '../resilience/hedge-policy.ts';
import { continuationDefaults } from '../resilience/resilience-policy.ts';
import { type FleetOptions, openFleet, type OpenFleet } from '../testing/open-fleet.ts';

interface Engine {
  readonly url: URL;
  /** Requests that it was asked, in their order. */
  readonly asked: Record<string, unknown>[];
  /** Requests that it is at work on. */
  running: number;
  answer: RequestListener;
}

/** An engine that says it is vLLM and answers however it is told to. */
async function openEngine(t: TestContext, answer: RequestListener): Promise<Engine> {
  const server = createServer((request, response) => {
    if (request.url === '/v1/models')
      return void response.end('{"data":[{"id":"m","owned_by":"vllm","max_model_len":4096}]}');
    if (request.method === 'GET') return void response.writeHead(404).end();
    const pieces: Buffer[] = [];
    engine.running++;
    response.once('close', () => engine.running--);
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.once('end', () => {
      engine.asked.push(JSON.parse(Buffer.concat(pieces).toString()) as Record<string, unknown>);
      engine.answer(request, response);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const engine: Engine = { url, asked: [], running: 0, answer };
  return engine;
}

async function open(
  t: TestContext,
  engines: readonly Engine[],
  more: FleetOptions = {},
): Promise<OpenFleet> {
  const fleet = await openFleet(
    engines.map(({ url }) => url),
    more,
  );
  t.after(() => fleet[Symbol.dispose]());
  return fleet;
}

function asking(fields: object = {}): BackendRequest {
  return {
    method: 'POST',
    target: '/v1/chat/completions',
    headers: HeaderBlock.of({ 'content-type': 'application/json' }),
    body: Buffer.from(JSON.stringify({ model: 'm', messages: [], ...fields })),
    cancellation: new Cancellation(),
  };
}

const streamed = { stream: true };

async function textOf(answer: BackendAnswer): Promise<string> {
  assert.ok(answer.kind === 'answered', JSON.stringify(answer));
  const body = await readBody(answer.message.body, 2 ** 20);
  assert.ok(body.kind === 'whole', body.kind);
  return body.bytes.toString();
}

async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 400 && !holds(); turn++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(holds());
}

function events(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream' });
}

function word(text: string, id = 'one'): string {
  const choices = [{ index: 0, delta: { content: text }, finish_reason: null }];
  return `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', model: 'm', choices })}\n\n`;
}

const whole: RequestListener = (_request, response) => void response.end('whole');
const broken: RequestListener = (_request, response) => void response.writeHead(500).end('broken');
const stream: RequestListener = (_request, response) =>
  void events(response).end(`${word('hello')}data: [DONE]\n\n`);

test('an endpoint whose answers fail is left alone, tried again after its rest, and then taken back', async (t) => {
  const bad = await openEngine(t, broken);
  const good = await openEngine(t, whole);
  const circuit = { ...circuitDefaults, failuresInARowMax: 3, openMs: 1_000, triesToClose: 1 };
  const { backend, resilience } = await open(t, [bad, good], {
    policy: { circuit },
    routing: 'round-robin',
  });
  const statuses: string[] = [];
  for (let count = 0; count < 20; count++) {
    const answer = await answerTo(backend, asking());
    statuses.push(await textOf(answer));
  }
  assert.equal(statuses.filter((text) => text === 'broken').length, 3);
  assert.equal(bad.asked.length, 3);
  bad.answer = whole;
  await until(() => resilience.circuits.circuit(0) === 'half-open');
  for (let count = 0; count < 4; count++) await textOf(await answerTo(backend, asking()));
  assert.equal(resilience.circuits.circuit(0), 'closed');
  assert.ok(bad.asked.length > 3);
});

test('when every endpoint turns requests away, retries stop at their budget', async (t) => {
  const full: RequestListener = (_request, response) => void response.writeHead(503).end('full');
  const engines = [await openEngine(t, full), await openEngine(t, full)];
  const { backend } = await open(t, engines, {
    policy: { retryBudget: { share: 0.1, perSecondMin: 0, savedMax: 5 } },
  });
  for (let count = 0; count < 100; count++) await textOf(await answerTo(backend, asking()));
  const sent = engines.reduce((sum, { asked }) => sum + asked.length, 0);
  assert.ok(sent >= 105 && sent <= 116, `${sent} for 100 requests`);
});

test('a stream that begins late is asked for elsewhere too, and the loser is stopped', async (t) => {
  const engines = [await openEngine(t, stream), await openEngine(t, stream)];
  const hedge = { ...hedgeDefaults, afterMsMin: 30, answersMin: 5, share: 1 };
  const { backend } = await open(t, engines, { policy: { hedge }, routing: 'round-robin' });
  for (let count = 0; count < 6; count++) await textOf(await answerTo(backend, asking(streamed)));
  const [slow, quick] = engines as [Engine, Engine];
  // A head alone is no beginning.
  slow.answer = (_request, response) => events(response).flushHeaders();
  const before = quick.asked.length;
  for (let count = 0; count < 4; count++)
    assert.match(await textOf(await answerTo(backend, asking(streamed))), /hello/);
  assert.ok(quick.asked.length - before === 4);
  await until(() => slow.running === 0);
});

test('what is not streamed, and what is quick, is sent once', async (t) => {
  const engines = [await openEngine(t, stream), await openEngine(t, stream)];
  const hedge = { ...hedgeDefaults, afterMsMin: 2_000, answersMin: 5, share: 1 };
  const { backend } = await open(t, engines, { policy: { hedge } });
  for (let count = 0; count < 10; count++) await textOf(await answerTo(backend, asking(streamed)));
  for (let count = 0; count < 10; count++) await textOf(await answerTo(backend, asking()));
  assert.equal(
    engines.reduce((sum, { asked }) => sum + asked.length, 0),
    20,
  );
});

test('a stream whose engine dies goes on at another, with what was said, and says so', async (t) => {
  const dies: RequestListener = (_request, response) => {
    events(response).write(word('Good'));
    response.write(word(' day').slice(0, 20), () => response.destroy());
  };
  const engines = [await openEngine(t, dies), await openEngine(t, dies)];
  const { backend } = await open(t, engines, { policy: { continuation: continuationDefaults } });
  const answer = answerTo(
    backend,
    asking({ ...streamed, messages: [{ role: 'user', content: 'Hi' }] }),
  );
  const found = await answer;
  for (const engine of engines)
    engine.answer = (_request, response) =>
      void events(response).end(`${word(' evening', 'two')}data: [DONE]\n\n`);
  const text = await textOf(found);
  assert.match(
    text,
    /Good.*\n\n.*evening.*"continued":\{"from":"e\d","to":"e\d","chunks_before":1\}/,
  );
  assert.match(text, /data: \[DONE\]\n\n$/);
  const second = engines
    .flatMap(({ asked }) => asked)
    .find((body) => 'continue_final_message' in body);
  assert.deepEqual(second?.['messages'], [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Good' },
  ]);
});

test('without that policy it ends as it died', async (t) => {
  const dies: RequestListener = (_request, response) =>
    void events(response).write(word('Good'), () => response.destroy());
  const engines = [await openEngine(t, dies), await openEngine(t, dies)];
  const { backend } = await open(t, engines);
  const answer = await answerTo(backend, asking(streamed));
  assert.ok(answer.kind === 'answered');
  const body = await readBody(answer.message.body, 2 ** 20);
  assert.deepEqual(body, { kind: 'cut', end: 'died' });
});

test('an endpoint is held to its time, before and between the pieces of an answer', async (t) => {
  const silent = await openEngine(t, () => undefined);
  const late = await open(t, [silent], { options: { limits: { totalMsMax: 60 } } });
  const answer = await answerTo(late.backend, asking());
  assert.ok(answer.kind === 'failed' && answer.error.code === 'deadline_exceeded', answer.kind);
  assert.match(answer.error.message, /within 60 ms/);
  await until(() => silent.running === 0);
  const halting = await openEngine(t, (_request, response) => {
    events(response).write(word('a'));
  });
  const { backend } = await open(t, [halting], { options: { limits: { pieceMsMax: 60 } } });
  const begun = await answerTo(backend, asking(streamed));
  assert.ok(begun.kind === 'answered');
  assert.deepEqual(await readBody(begun.message.body, 2 ** 20), { kind: 'cut', end: 'stalled' });
  await until(() => halting.running === 0);
});

test('a request waits while no endpoint may take it, and is told when none will', async (t) => {
  const engine = await openEngine(t, whole);
  const queue = { lengthMax: 2, waitMsMax: 2_000 };
  const { backend, endpoints } = await open(t, [engine], { policy: { queue } });
  const { health } = endpoints[0] ?? assert.fail();
  for (let count = 0; count < 2; count++) health.noteUnanswered('it restarts');
  assert.equal(backend.unavailable, undefined, 'it may wait');
  const waiting = [
    answerTo(backend, asking()),
    answerTo(backend, asking()),
    answerTo(backend, asking()),
  ];
  const third = await (waiting[2] ?? assert.fail());
  assert.ok(third.kind === 'failed', 'the line is full');
  assert.match(third.error.message, /it restarts/);
  health.noteLookSucceeded();
  assert.deepEqual(await Promise.all(waiting.slice(0, 2).map(async (one) => textOf(await one))), [
    'whole',
    'whole',
  ]);
});

test('an endpoint that drains finishes what it has and is given nothing more', async (t) => {
  const held: ServerResponse[] = [];
  const first = await openEngine(t, (_request, response) => {
    events(response).write(word('a'));
    held.push(response);
  });
  const second = await openEngine(t, whole);
  const { backend, endpoints } = await open(t, [first, second], { routing: 'round-robin' });
  const begun = await answerTo(backend, asking(streamed));
  const table = { endpoints, aliases: new Map(), policy: 'round-robin' } as const;
  backend.replaceTable({ ...table, draining: new Set(['e0']) });
  for (let count = 0; count < 6; count++)
    assert.equal(await textOf(await answerTo(backend, asking())), 'whole');
  assert.equal(first.asked.length, 1);
  held[0]?.end('data: [DONE]\n\n');
  assert.match(await textOf(begun), /\[DONE\]/, 'its stream did not fail');
  backend.replaceTable(table);
  await Promise.all([answerTo(backend, asking(streamed)), answerTo(backend, asking(streamed))]);
  assert.equal(first.asked.length, 2, 'and taken back it is asked again');
});

test('an endpoint that does not hold what was expected of it is trusted less', async (t) => {
  /** Where two requests go that begin alike and come together, after many of that beginning one by one. */
  const spread = async (cachedTokens: number): Promise<number> => {
    const held: ServerResponse[] = [];
    let isHolding = false;
    const told: RequestListener = (_request, response) => {
      if (isHolding) return void held.push(response);
      const details = { cached_tokens: cachedTokens };
      response.end(
        JSON.stringify({ usage: { prompt_tokens: 500, prompt_tokens_details: details } }),
      );
    };
    const engines = [await openEngine(t, told), await openEngine(t, told)];
    const { backend } = await open(t, engines);
    const long = { messages: ['river '.repeat(2_000)] };
    for (let count = 0; count < 40; count++) await textOf(await answerTo(backend, asking(long)));
    isHolding = true;
    const both = [answerTo(backend, asking(long)), answerTo(backend, asking(long))];
    await until(() => held.length === 2);
    const used = engines.filter(({ running }) => running > 0).length;
    for (const response of held) response.end();
    await Promise.all(both);
    return used;
  };
  assert.equal(await spread(490), 1, 'whoever has the beginning is given both');
  assert.equal(await spread(0), 2, 'a promise that was never kept counts for nothing');
});
