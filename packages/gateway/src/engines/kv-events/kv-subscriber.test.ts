import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import test, { type TestContext } from 'node:test';
import { systemClock } from '@millrace/stdx';
import type { KvEvent } from './kv-event-batch.ts';
import { KvSubscriber } from './kv-subscriber.ts';

/** Tests that need ZeroMQ itself take a Python that has `zmq` and `msgpack`. */
const python = process.env['MILLRACE_TEST_PYTHON'] ?? 'python3';
const missing =
  spawnSync(python, ['-c', 'import zmq, msgpack']).status === 0
    ? false
    : 'needs a Python with pyzmq and msgpack: pip install pyzmq msgpack, and MILLRACE_TEST_PYTHON';

interface Published {
  readonly child: ChildProcess;
  readonly ports: readonly number[];
  readonly tell: (line: string) => void;
}

async function publisher(t: TestContext): Promise<Published> {
  const file = new URL('fixtures/publisher.py', import.meta.url).pathname;
  const child = spawn(python, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    child,
    ports: line.split(' ').map(Number),
    tell: (text) => child.stdin.write(`${text}\n`),
  };
}

interface Followed {
  readonly subscriber: KvSubscriber;
  readonly events: KvEvent[];
  readonly forgotten: string[];
  readonly news: string[];
  readonly until: (holds: () => boolean) => Promise<void>;
}

function follow(t: TestContext, ports: readonly number[], hasReplay: boolean): Followed {
  const [events, forgotten, news]: [KvEvent[], string[], string[]] = [[], [], []];
  const at = (port: number | undefined): { host: string; port: number } => ({
    host: '127.0.0.1',
    port: port ?? 0,
  });
  const subscriber = new KvSubscriber({
    events: at(ports[0]),
    replay: hasReplay ? at(ports[1]) : undefined,
    topic: '',
    clock: systemClock,
    onEvents: (list) => events.push(...list),
    onForget: (reason) => forgotten.push(reason),
    onNews: (text) => news.push(text),
    reconnectMsMin: 10,
  });
  t.after(() => subscriber[Symbol.dispose]());
  const until = async (holds: () => boolean): Promise<void> => {
    for (let turn = 0; turn < 1_000 && !holds(); turn++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(holds(), JSON.stringify({ events: events.length, forgotten, news }));
  };
  return { subscriber, events, forgotten, news, until };
}

/** A subscription takes effect at the publisher a moment after it was sent: publishes until one arrives. */
async function subscribed(from: Published, to: Followed): Promise<void> {
  for (let turn = 0; turn < 200 && to.events.length === 0; turn++) {
    from.tell('store 1 array');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(to.events.length > 0, to.news.join());
}

test('events of a real publisher are read in both encodings', { skip: missing }, async (t) => {
  const from = await publisher(t);
  const to = follow(t, from.ports, false);
  await subscribed(from, to);
  to.events.length = 0;
  for (const line of ['store 2 map', 'store 2 array', 'remove 3', 'clear']) from.tell(line);
  await to.until(() => to.events.at(-1)?.kind === 'cleared');
  const [one, other, removed] = to.events.slice(-4);
  assert.ok(one?.kind === 'stored' && other?.kind === 'stored');
  assert.equal(one.tokenIds.length, 8);
  assert.equal(one.blockSize, 4);
  assert.equal(one.parent, undefined);
  assert.equal(typeof one.blocks[0], 'bigint', 'hashes of 64 bits stay exact');
  assert.deepEqual(removed, { kind: 'removed', blocks: [2n ** 63n + 3n], medium: 'GPU', group: 0 });
  assert.deepEqual(to.forgotten, []);
});

test('what was missed is asked for again, from the beginning on', { skip: missing }, async (t) => {
  const from = await publisher(t);
  for (let count = 0; count < 5; count++) from.tell('store 1 map');
  const to = follow(t, from.ports, true);
  await subscribed(from, to);
  from.tell('skip 7');
  from.tell('clear');
  await to.until(() => to.events.at(-1)?.kind === 'cleared');
  const firsts = to.events.flatMap((event) => (event.kind === 'stored' ? event.tokenIds[0] : []));
  assert.deepEqual(
    firsts,
    firsts.map((_, at) => at * 1_000),
    'each once, in order, none missing',
  );
  assert.ok(firsts.length >= 13);
  assert.deepEqual(to.forgotten, []);
});

test('a gap without replay makes all be forgotten', { skip: missing }, async (t) => {
  const from = await publisher(t);
  const to = follow(t, from.ports, false);
  await subscribed(from, to);
  from.tell('skip 1');
  from.tell('clear');
  await to.until(() => to.events.at(-1)?.kind === 'cleared');
  assert.deepEqual(to.forgotten, ['KV events were missed']);
  assert.equal(to.subscriber.counts.gaps, 1);
});

test('an engine that goes away is forgotten and looked for again', { skip: missing }, async (t) => {
  const from = await publisher(t);
  const to = follow(t, from.ports, false);
  await subscribed(from, to);
  from.child.kill('SIGKILL');
  await to.until(() => to.forgotten.length === 1 && !to.subscriber.counts.isConnected);
  assert.match(to.news.at(-1) ?? '', /cannot be followed/);
});
