import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { openFleet, type OpenFleet } from '../testing/open-fleet.ts';
import {
  exchangeIn,
  openRecordedEngine,
  type RecordedEngineName,
  recordingOf,
} from '../testing/recorded-engine.ts';
import { mergeableRequest, type MergeableRequest } from '../batching/mergeable-request.ts';
import { splitAnswer } from '../batching/split-answer.ts';
import { toldUsage } from '../resilience/told-usage.ts';
import { identify } from './identify.ts';
import { qualityTierOf } from './quantization.ts';
import { readLoad } from './read-load.ts';
import { readSlots } from './read-slots.ts';
import { PromptTokenizer } from './tokenize.ts';

const llama = recordingOf('llama-server');
const vllm = recordingOf('vllm');
const recordings = { 'llama-server': llama, vllm } as const;
const names: readonly RecordedEngineName[] = ['llama-server', 'vllm'];

function jsonOf(name: RecordedEngineName, exchange: string): unknown {
  return JSON.parse(exchangeIn(recordings[name], exchange).text) as unknown;
}

async function fleetOf(t: TestContext, name: RecordedEngineName): Promise<OpenFleet> {
  const engine = await openRecordedEngine(t, recordings[name]);
  const fleet = await openFleet([engine.url]);
  t.after(() => fleet[Symbol.dispose]());
  return fleet;
}

test("llama.cpp's server is discovered with its context and quantisation, its load from metrics and slots", async (t) => {
  const { endpoints } = await fleetOf(t, 'llama-server');
  assert.equal(endpoints[0]?.kind, 'llama.cpp');
  assert.deepEqual(endpoints[0].models, [
    { id: 'smol', contextTokensMax: 512, quantization: 'Q8_0' },
  ]);
  assert.deepEqual(endpoints[0].missingMetrics, []);
  assert.equal(endpoints[0].load?.running, 1);
  assert.equal(endpoints[0].load.waiting, 0);
  assert.equal(endpoints[0].load.waitingTokens, 0);
  const slots = jsonOf('llama-server', '/slots at work') as readonly { n_prompt_tokens?: number }[];
  const held = slots.reduce((sum, slot) => sum + (slot.n_prompt_tokens ?? 0), 0);
  assert.ok(held > 0);
  const { kvUsage } = endpoints[0].load;
  assert.ok(Math.abs((kvUsage ?? 0) - held / 1_024) < 1e-6, 'shares are told in millionths');
  assert.equal(endpoints[0].cacheTokens, 1_024);
});

test('vLLM is discovered with its context, and its load is read from its metrics', async (t) => {
  const { endpoints } = await fleetOf(t, 'vllm');
  assert.equal(endpoints[0]?.kind, 'vllm');
  assert.deepEqual(endpoints[0].models, [
    { id: 'smol', contextTokensMax: 512, quantization: undefined },
  ]);
  assert.deepEqual(endpoints[0].missingMetrics, []);
  const { running, waiting, kvUsage } = endpoints[0].load ?? assert.fail('it tells no load');
  assert.deepEqual([running, waiting], [1, 0]);
  assert.ok(kvUsage !== undefined && kvUsage > 0 && kvUsage < 1, `${kvUsage}`);
  assert.equal(endpoints[0].cacheTokens, 576);
});

test('an idle engine of either kind says so', () => {
  for (const [name, kind] of [
    ['llama-server', 'llama.cpp'],
    ['vllm', 'vllm'],
  ] as const) {
    const reading = readLoad(kind, exchangeIn(recordings[name], '/metrics').text);
    assert.deepEqual(reading?.missing, []);
    assert.equal(reading?.load.running, 0);
  }
  assert.deepEqual(readSlots(jsonOf('llama-server', '/slots')), {
    load: { kvUsage: 0, waitingTokens: 0 },
    cacheTokens: 1_024,
  });
});

test("llama.cpp's server says its context in its list of models too, as behind a proxy that hides the rest", () => {
  const identity = identify({
    models: jsonOf('llama-server', '/v1/models'),
    props: undefined,
    ollamaVersion: undefined,
    sglangInfo: undefined,
    version: undefined,
  });
  assert.equal(identity?.kind, 'llama.cpp');
  assert.equal(identity.models[0]?.contextTokensMax, 512);
  assert.equal(qualityTierOf(identity.models[0].quantization), 90);
});

test('a prompt that is being computed waits, less what is cached and done', () => {
  const slot = { n_ctx: 1_000, is_processing: true, n_prompt_tokens: 600 };
  const progress = { n_prompt_tokens_processed: 100, n_prompt_tokens_cache: 50 };
  assert.deepEqual(readSlots([{ ...slot, ...progress, next_token: { n_decoded: 0 } }]), {
    load: { kvUsage: 0.6, waitingTokens: 450 },
    cacheTokens: 1_000,
  });
  for (const none of [undefined, {}, [], [{ id: 0 }], 'text'])
    assert.equal(readSlots(none), undefined);
});

test('what of a prompt came from the cache is read from the end of every form of answer', () => {
  const told = (name: RecordedEngineName, exchange: string): ReturnType<typeof toldUsage> =>
    toldUsage(Buffer.from(exchangeIn(recordings[name], exchange).text).subarray(-2_048));
  for (const name of names) {
    const again = told(name, 'chat, the long prompt again');
    assert.equal(again?.promptTokens, 176);
    assert.equal(again.outputTokens, 2);
    assert.ok((again.cachedTokens ?? 0) >= 160, `${again.cachedTokens}`);
    assert.equal(told(name, 'chat, streamed')?.outputTokens, 6);
    assert.equal(told(name, 'completion, streamed')?.promptTokens, 2);
  }
  assert.equal(told('vllm', 'chat, streamed without usage'), undefined);
  assert.equal(told('llama-server', 'chat, streamed without usage')?.promptTokens, 39);
});

test("vLLM's tokens of a prompt are asked for as it was asked, and are as many as it counts", async (t) => {
  const engine = await openRecordedEngine(t, vllm, { '/tokenize': 'tokens of a chat' });
  const fleet = await openFleet([engine.url]);
  t.after(() => fleet[Symbol.dispose]());
  const { backend } = fleet.endpoints[0] ?? assert.fail();
  const place = { backend, authorization: undefined, model: 'smol' };
  const tokenizer = new PromptTokenizer(1_000);
  const ask = (exchange: string): Promise<Int32Array | undefined> => {
    const { path, body } = exchangeIn(vllm, exchange).request;
    return tokenizer.tokensOf({ target: path, body: Buffer.from(JSON.stringify(body)) }, place);
  };
  const chat = await ask('chat, a long prompt');
  assert.equal(chat?.length, 176);
  engine.answers = { '/tokenize': 'tokens of a text' };
  assert.deepEqual(await ask('completion'), Int32Array.of(504, 4626));
  const questions = ['tokens of a chat', 'tokens of a text'];
  assert.deepEqual(
    engine.asked.map(({ body }) => body),
    questions.map((name) => exchangeIn(vllm, name).request.body),
  );
});

test('answers to merged requests are divided, with all tokens that the engine counted', () => {
  const merged = (exchange: string, name: RecordedEngineName): readonly MergeableRequest[] => {
    const { path, body } = exchangeIn(recordings[name], exchange).request;
    const route = path === '/v1/embeddings' ? 'embeddings' : 'completions';
    const field = route === 'embeddings' ? 'input' : 'prompt';
    const { [field]: inputs, ...rest } = body as Readonly<Record<string, unknown>>;
    return (inputs as readonly string[]).map((input) => {
      const one = Buffer.from(JSON.stringify({ ...rest, [field]: input }));
      return mergeableRequest(route, one) ?? assert.fail('it can be merged');
    });
  };
  for (const [name, exchange, field] of [
    ['vllm', 'completion of two prompts', 'choices'],
    ['llama-server', 'completion of two prompts', 'choices'],
    ['llama-server', 'embeddings of two texts', 'data'],
  ] as const) {
    const { text } = exchangeIn(recordings[name], exchange);
    const parts = splitAnswer(Buffer.from(text), merged(exchange, name)) ?? assert.fail(name);
    const bodies = parts.map(
      (part) => JSON.parse(part.toString()) as Readonly<Record<string, unknown>>,
    );
    const whole = JSON.parse(text) as Readonly<Record<string, unknown>>;
    for (const [at, body] of bodies.entries()) {
      const [answer] = body[field] as readonly { readonly index: number }[];
      const told = (whole[field] as readonly object[])[at];
      assert.deepEqual({ ...answer, index: at }, told);
      assert.equal(answer?.index, 0);
    }
    const sum = bodies.reduce((total, { usage }) => total + totalOf(usage), 0);
    assert.equal(sum, totalOf(whole['usage']), name);
  }
});

function totalOf(usage: unknown): number {
  return (usage as { readonly total_tokens: number }).total_tokens;
}
