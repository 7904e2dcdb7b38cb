import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request as openRequest, type RequestListener } from 'node:http';
import { createServer as createPlainServer } from 'node:net';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { GatewayError } from '@millrace/gateway';
import { systemClock } from '@millrace/stdx';
import { Registry } from '@millrace/telemetry';
import { createAdminRoute } from '../admin/admin-route.ts';
import { EndpointFleet } from '../compose/endpoint-fleet.ts';
import type { FileConfig } from '../config/file-schema.ts';
import type { LaneFault } from '../testing/faulty-lane.ts';
import { startLocalServer } from '../testing/local-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { LaneCrew, type LaneCrewOptions } from './lane-crew.ts';

const faultyLane = new URL('../testing/faulty-lane.ts', import.meta.url);

/** An engine with one model; `answer` does the rest. */
async function openEngine(t: TestContext, model: string, answer: RequestListener): Promise<string> {
  const server = await startLocalServer((request, response) => {
    if (request.url === '/v1/models') response.end(JSON.stringify({ data: [{ id: model }] }));
    else if (request.method === 'GET') response.writeHead(404).end();
    else request.resume().once('end', () => answer(request, response));
  });
  t.after(() => server[Symbol.asyncDispose]());
  return server.url;
}

const atOnce: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"whole":true}');
};

interface World {
  readonly crew: LaneCrew;
  readonly fleet: EndpointFleet;
  readonly url: string;
  readonly news: string[];
  readonly replace: (config: FileConfig) => Promise<void>;
}

/** Lanes before endpoints, as `millrace up --config` has them. */
async function open(
  t: TestContext,
  config: FileConfig,
  more: Partial<Pick<LaneCrewOptions, 'lanes' | 'program' | 'bounds' | 'listen'>> = {},
): Promise<World> {
  const news: string[] = [];
  const registry = new Registry();
  const lanes = more.lanes ?? 2;
  const crew: LaneCrew = new LaneCrew({
    lanes,
    listen: { host: '127.0.0.1', port: 0 },
    seed: 1,
    clock: systemClock,
    registry,
    source: () => fleet.source,
    answer: (asked) => admin(asked),
    onLaneEnded: (lane) => fleet.takeBackLane(lane),
    onNews: (text) => news.push(text),
    ...more,
  });
  const fleet = await EndpointFleet.open(config, {
    env: {},
    lanes,
    onNews: (text) => news.push(text),
    onLearned: (endpoint) => crew.publish({ kind: 'learned', endpoint }),
  });
  const admin = createAdminRoute({ readGateway: () => crew.readMetrics(), served: fleet.served });
  t.after(async () => {
    await crew[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  });
  await crew.start();
  const url = 'port' in crew.place ? `http://127.0.0.1:${crew.place.port}` : '';
  const replace = (next: FileConfig): Promise<void> =>
    fleet.replace(next, (table) => crew.replaceTable(table));
  return { crew, fleet, url, news, replace };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One request; without an agent on a connection of its own. Status 0: it was cut before an answer. */
function ask(
  url: string,
  options: { path?: string; model?: string; agent?: Agent } = {},
): Promise<Answer> {
  const { path = '/v1/chat/completions', model = 'm', agent } = options;
  const isGet = path !== '/v1/chat/completions';
  return new Promise((resolve) => {
    let text = '';
    const request = openRequest(
      url + path,
      {
        method: isGet ? 'GET' : 'POST',
        headers: isGet ? {} : { 'content-type': 'application/json' },
        agent: agent ?? false,
      },
      (response) => {
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.once('close', () => resolve({ status: response.statusCode ?? 0, text }));
        response.once('error', () => undefined);
      },
    );
    request.once('error', () => resolve({ status: 0, text }));
    request.end(isGet ? undefined : JSON.stringify({ model, messages: [] }));
  });
}

function sampleOf(metrics: string, name: string): number {
  const line = metrics.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1));
}

test('lanes share a port, the system spreads connections over them, and their counts are added', async (t) => {
  const { crew, url } = await open(t, { endpoints: [{ url: await openEngine(t, 'm', atOnce) }] });
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(url)));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  const metrics = await crew.readMetrics();
  const lanes = [0, 1].map((lane) =>
    sampleOf(metrics, `millrace_lane_requests_total{lane="${lane}"}`),
  );
  assert.equal((lanes[0] ?? 0) + (lanes[1] ?? 0), 100);
  assert.ok(Math.min(...lanes) >= 20, `each lane took a good part: ${lanes.join(' and ')}`);
  assert.equal(sampleOf(metrics, 'millrace_gateway_requests_total{status="200"}'), 100);
  assert.equal(sampleOf(metrics, 'millrace_gateway_request_seconds_count'), 100);
  assert.equal(sampleOf(metrics, 'millrace_lanes_serving'), 2);
});

test("an operator is answered on any lane's connection", async (t) => {
  const { url } = await open(t, { endpoints: [{ url: await openEngine(t, 'm', atOnce) }] });
  for (let connection = 0; connection < 8; connection++) {
    assert.equal((await ask(url, { path: '/health' })).status, 200);
    assert.match((await ask(url, { path: '/metrics' })).text, /millrace_lanes_serving 2\n/);
    assert.match((await ask(url, { path: '/admin/status' })).text, /"state":"serving"/);
    assert.match((await ask(url, { path: '/' })).text, /<html/i);
    assert.match((await ask(url, { path: '/v1/models' })).text, /"id":"m"/);
    assert.equal((await ask(url, { path: '/admin/nothing' })).status, 404);
  }
});

test('under load, tables are replaced again and again in every lane, and no request is lost', async (t) => {
  const urls = [await openEngine(t, 'm', atOnce), await openEngine(t, 'm', atOnce)];
  const tables: readonly FileConfig[] = [
    { endpoints: [{ url: urls[0] as string }] },
    { endpoints: [{ url: urls[1] as string }], aliases: { other: 'm' } },
    { endpoints: urls.map((url) => ({ url })), routing: { policy: 'round-robin' } },
  ];
  const { url, replace, fleet } = await open(t, tables[0] as FileConfig);
  const statuses = new Map<number, number>();
  let isOver = false;
  const client = async (): Promise<void> => {
    using agent = disposable(new Agent({ keepAlive: true, maxSockets: 1 }));
    while (!isOver) {
      const { status } = await ask(url, { agent: agent.agent });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const clients = Array.from({ length: 12 }, client);
  for (let turn = 1; turn <= 12; turn++) await replace(tables[turn % 3] as FileConfig);
  await replace(tables[1] as FileConfig);
  const { status } = await ask(url, { model: 'other' });
  assert.equal(status, 200, 'the last table is in force when it has been taken over');
  isOver = true;
  await Promise.all(clients);
  assert.deepEqual([...statuses.keys()], [200]);
  assert.ok((statuses.get(200) ?? 0) > 100, `${statuses.get(200)} requests went on meanwhile`);
  assert.ok(
    fleet.endpoints.every(({ index }) => index < 8),
    'places of endpoints that left are used again',
  );
});

function disposable(agent: Agent): Disposable & { readonly agent: Agent } {
  return { agent, [Symbol.dispose]: () => agent.destroy() };
}

/** An engine whose answers begin, and end when they are told to. */
async function openSlowEngine(
  t: TestContext,
): Promise<{ url: string; began: () => number; finish: () => void }> {
  let began = 0;
  const ends: (() => void)[] = [];
  const url = await openEngine(t, 'm', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"piece":1}\n\n');
    began++;
    ends.push(() => response.end('data: [DONE]\n\n'));
  });
  const finish = (): void => ends.splice(0).forEach((end) => end());
  return { url, began: () => began, finish };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('a lane that dies takes its own requests along, the others go on, and it is started again', async (t) => {
  const engine = await openSlowEngine(t);
  const { crew, fleet, url, news } = await open(
    t,
    { endpoints: [{ url: engine.url }] },
    { program: faultyLane, bounds: { restartMsMin: 20, measureMs: 20 } },
  );
  const streams = Array.from({ length: 24 }, () => ask(url));
  await until(() => engine.began() === 24);
  await until(
    async () => sampleOf(await crew.readMetrics(), 'millrace_gateway_active_requests') === 24,
  );
  crew.publish({ kind: 'fault', lane: 1, how: 'throws' } satisfies LaneFault as never);
  await until(() => news.some((text) => text.includes('lane 1')));
  assert.match(
    news.at(-1) ?? '',
    /lane 1 ended \(a fault that nobody catches\); it is started again in 20 ms/,
  );
  assert.equal((await ask(url, { path: '/health' })).status, 200, 'the other lane serves');
  engine.finish();
  const answers = await Promise.all(streams);
  const whole = answers.filter(({ text }) => text.endsWith('data: [DONE]\n\n')).length;
  assert.ok(whole > 0 && whole < 24, `${whole} of 24 were the other lane's`);
  await until(() => crew.servingCount === 2);
  const metrics = await crew.readMetrics();
  assert.equal(sampleOf(metrics, 'millrace_lane_restarts_total'), 1);
  assert.equal(sampleOf(metrics, 'millrace_gateway_active_requests'), 0);
  const loads = fleet.endpoints.map((endpoint) => fleet.activeCount(endpoint));
  assert.deepEqual(loads, [0], 'nothing of the lane that died weighs on its endpoint');
});

test('a lane that hangs is cut when it does not take over a table, and starts from that table', async (t) => {
  const [one, other] = [await openEngine(t, 'm', atOnce), await openEngine(t, 'other', atOnce)];
  const { crew, url, news, replace } = await open(
    t,
    { endpoints: [{ url: one }] },
    { program: faultyLane, bounds: { takeOverMsMax: 200, restartMsMin: 20 } },
  );
  crew.publish({ kind: 'fault', lane: 0, how: 'hangs' } satisfies LaneFault as never);
  await replace({ endpoints: [{ url: one }, { url: other }] });
  assert.match(news.join('\n'), /lane 0 ended \(it did not take over a table for 200 ms\)/);
  await until(() => crew.servingCount === 2);
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(url, { model: 'other' })));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
});

test('a lane that does not answer any more is cut, and what it had counted stays counted', async (t) => {
  const { crew, url, news } = await open(
    t,
    { endpoints: [{ url: await openEngine(t, 'm', atOnce) }] },
    {
      program: faultyLane,
      bounds: { measureMs: 20, unansweredMax: 5, restartMsMin: 20, measureWaitMsMax: 100 },
    },
  );
  await Promise.all(Array.from({ length: 40 }, () => ask(url)));
  assert.equal(sampleOf(await crew.readMetrics(), 'millrace_gateway_request_seconds_count'), 40);
  crew.publish({ kind: 'fault', lane: 0, how: 'hangs' } satisfies LaneFault as never);
  await until(() =>
    news.some((text) => text.includes('lane 0 ended (it did not answer any more)')),
  );
  await until(() => crew.servingCount === 2);
  assert.equal(sampleOf(await crew.readMetrics(), 'millrace_gateway_request_seconds_count'), 40);
});

test('all lanes drain: streams end whole, nothing new is taken, counts are exact', async (t) => {
  const engine = await openSlowEngine(t);
  const { crew, url } = await open(t, { endpoints: [{ url: engine.url }] });
  const streams = Array.from({ length: 16 }, () => ask(url));
  await until(() => engine.began() === 16);
  const drained = crew.drain(20_000);
  await until(async () => (await ask(url)).status === 0);
  engine.finish();
  await drained;
  const texts = (await Promise.all(streams)).map(({ text }) => text);
  assert.deepEqual([...new Set(texts)], ['data: {"piece":1}\n\ndata: [DONE]\n\n']);
  const metrics = await crew.readMetrics();
  assert.equal(sampleOf(metrics, 'millrace_gateway_relays_total{end="whole"}'), 16);
  assert.equal(sampleOf(metrics, 'millrace_gateway_active_requests'), 0);
  assert.equal(crew.servingCount, 0);
});

test('what outlasts the limit of a drain is cut', async (t) => {
  const engine = await openSlowEngine(t);
  const { crew, url } = await open(t, { endpoints: [{ url: engine.url }] });
  const stream = ask(url);
  await until(() => engine.began() === 1);
  await crew.drain(50);
  assert.doesNotMatch((await stream).text, /DONE/);
});

test('a port that somebody else uses is told, whether he would share it or not', async (t) => {
  const endpoints = [{ url: await openEngine(t, 'm', atOnce) }];
  for (const reusePort of [false, true]) {
    const other = createPlainServer().listen({ host: '127.0.0.1', port: 0, reusePort });
    await once(other, 'listening');
    t.after(() => other.close());
    const { port } = other.address() as { readonly port: number };
    await assert.rejects(
      open(t, { endpoints }, { listen: { host: '127.0.0.1', port } }),
      (error) => error instanceof GatewayError && error.code === 'GATEWAY_ADDRESS_IN_USE',
    );
  }
});

test('a Unix socket is served by one lane, and that is said', async (t) => {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const socketPath = join(folder.path, 'gateway.sock');
  const { crew, news } = await open(
    t,
    { endpoints: [{ url: await openEngine(t, 'm', atOnce) }] },
    { listen: { socket: socketPath } },
  );
  assert.match(news.join('\n'), /one lane serves instead of 2: connections to a Unix socket/);
  assert.equal(crew.servingCount, 1);
  const status = await new Promise((resolve, reject) => {
    const request = openRequest({ socketPath, path: '/health' }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.once('error', reject).end();
  });
  assert.equal(status, 200);
});
