import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { answerTo } from '../backends/backend.ts';
import { readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { type FleetOptions, openFleet, type OpenFleet } from '../testing/open-fleet.ts';
import { hintsOf, routingDefaults } from './routing-rules.ts';

/** An engine of a kind that answers with its own name. */
async function openEngine(t: TestContext, model: object, name: string): Promise<URL> {
  const server = createServer((request, response) => {
    if (request.url === '/v1/models') response.end(JSON.stringify({ data: [model] }));
    else if (request.method === 'GET') response.writeHead(404).end();
    else request.resume().once('end', () => response.end(name));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

async function open(
  t: TestContext,
  engines: Readonly<Record<string, object>>,
  more: FleetOptions = {},
): Promise<(headers?: Record<string, string>, text?: string) => Promise<string>> {
  const urls = await Promise.all(
    Object.entries(engines).map(([name, model]) => openEngine(t, { id: 'm', ...model }, name)),
  );
  const fleet: OpenFleet = await openFleet(urls, more);
  t.after(() => fleet[Symbol.dispose]());
  return async (headers = {}, text = 'Hi') => {
    const answer = await answerTo(fleet.backend, {
      method: 'POST',
      target: '/v1/chat/completions',
      headers: HeaderBlock.of({ 'content-type': 'application/json', ...headers }),
      body: Buffer.from(JSON.stringify({ model: 'm', messages: [text] })),
      cancellation: new Cancellation(),
    });
    if (answer.kind !== 'answered') return answer.kind;
    const body = await readBody(answer.message.body, 1_000);
    return body.kind === 'whole' ? body.bytes.toString() : body.kind;
  };
}

async function tally(ask: () => Promise<string>, count = 30): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (let at = 0; at < count; at++) {
    const name = await ask();
    found[name] = (found[name] ?? 0) + 1;
  }
  return found;
}

const kinds = {
  vllm: { owned_by: 'vllm' },
  'llama.cpp': { owned_by: 'llamacpp' },
  'tensorrt-llm': { owned_by: 'tensorrt_llm' },
};

test("the mission's table: what is urgent goes to TensorRT-LLM, what is long to vLLM", async (t) => {
  const ask = await open(t, kinds);
  const urgent = { 'x-millrace-latency-critical': 'true' };
  assert.deepEqual(await tally(() => ask(urgent)), { 'tensorrt-llm': 30 });
  let count = 0;
  const long = (): string => `${count++} ${'river '.repeat(4_000)}`;
  assert.deepEqual(await tally(() => ask({}, long()), 8), { vllm: 8 });
});

test("users' own rules stand in its place", async (t) => {
  const workloads = [{ name: 'all', when: {}, engines: ['llama.cpp'] }];
  const ask = await open(t, kinds, { rules: { ...routingDefaults, workloads } });
  assert.deepEqual(await tally(() => ask()), { 'llama.cpp': 30 });
});

test('a request that asks for quality is not answered by a variant below it', async (t) => {
  const ask = await open(t, {
    full: { owned_by: 'llamacpp', meta: { ftype: 'BF16' } },
    small: { owned_by: 'llamacpp', meta: { ftype: 'Q4_K - Medium' } },
  });
  assert.deepEqual(await tally(() => ask({ 'x-millrace-quality-min': '90' })), { full: 30 });
  assert.deepEqual(Object.keys(await tally(() => ask())).toSorted(), ['full', 'small']);
});

test('a session stays at one endpoint, sessions are spread', async (t) => {
  const four = { a: {}, b: {}, c: {}, d: {} };
  for (const more of [
    { routing: 'hash' as const },
    { rules: { ...routingDefaults, weights: { ...routingDefaults.weights, session: 5_000 } } },
  ]) {
    const ask = await open(t, four, more);
    const homes = new Set<string>();
    for (let session = 0; session < 12; session++) {
      const found = await tally(() => ask({ 'x-session-id': `s${session}` }), 5);
      assert.equal(Object.keys(found).length, 1, JSON.stringify(found));
      homes.add(Object.keys(found)[0] ?? '');
    }
    assert.ok(homes.size >= 3, `12 sessions at ${homes.size} endpoints`);
  }
});

test('two choices and weights spread requests', async (t) => {
  for (const routing of ['two-choices', 'weighted'] as const) {
    const found = await tally(await open(t, { a: {}, b: {} }, { routing }), 60);
    assert.ok((found['a'] ?? 0) > 10 && (found['b'] ?? 0) > 10, JSON.stringify(found));
  }
});

test('an endpoint is given no more requests at once than it may have', async (t) => {
  const ask = await open(
    t,
    { a: {} },
    { options: { concurrencyMax: 1 }, policy: { queue: { lengthMax: 9, waitMsMax: 2_000 } } },
  );
  const all = await Promise.all(Array.from({ length: 8 }, () => ask()));
  assert.deepEqual(new Set(all), new Set(['a']), 'the others waited');
});

test('an alias may ask for quality and speed, and a header for more', () => {
  const rule = { tierMin: 60, isLatencyCritical: true };
  const rules = { ...routingDefaults, aliasRules: new Map([['best', rule]]) };
  const hints = hintsOf(HeaderBlock.of({ 'x-millrace-quality-min': '90' }), 'best', rules);
  const sessionHash = undefined;
  assert.deepEqual(hints, { sessionHash, qualityTierMin: 90, isLatencyCritical: true });
  assert.deepEqual(hintsOf(HeaderBlock.empty, 'plain', rules), {
    sessionHash,
    qualityTierMin: undefined,
    isLatencyCritical: false,
  });
});
