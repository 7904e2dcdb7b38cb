import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { seededPrng } from '@millrace/stdx';
import { createEngine, type Engine } from './engine.ts';
import type { EngineOptions } from './options.ts';
import type { Generation, GenerationEvent, GenerationRequest, Usage } from './request.ts';
import { requireTestModel } from '@millrace/llama/testing';

const words =
  'river stone lantern copper seven window garden engine paper signal winter table orange cloud bridge music'.split(
    ' ',
  );

function wordsOf(seed: number, count: number): string {
  const random = seededPrng(seed);
  return Array.from({ length: count }, () => words[random.below(words.length)]).join(' ');
}

async function openEngine(
  t: TestContext,
  options: Partial<EngineOptions> = {},
): Promise<Engine | undefined> {
  const modelPath = requireTestModel(t);
  if (modelPath === undefined) return undefined;
  const engine = await createEngine({ modelPath, contextTokensMax: 2048, ...options });
  // The engine's own timers do not keep a process alive.
  const keepAlive = setInterval(() => undefined, 1000);
  t.after(async () => {
    clearInterval(keepAlive);
    await engine[Symbol.asyncDispose]();
  });
  return engine;
}

function requestOf(
  engine: Engine,
  text: string,
  fields: Partial<GenerationRequest> = {},
): GenerationRequest {
  return {
    id: text.slice(0, 20),
    prompt: engine.model.vocabulary.tokenize(text, { addSpecial: true, parseSpecial: true }),
    maxTokens: 16,
    choiceCount: 1,
    sampling: { temperature: 0 },
    stop: [],
    ignoreEos: true,
    priority: 0,
    tenant: '',
    ...fields,
  };
}

function submit(engine: Engine, request: GenerationRequest): Generation {
  const submission = engine.submit(request);
  assert.equal(submission.kind, 'accepted');
  return (submission as { generation: Generation }).generation;
}

interface Result {
  readonly texts: readonly string[];
  readonly usage: Usage | undefined;
  readonly events: readonly GenerationEvent[];
}

async function collect(generation: Generation): Promise<Result> {
  const texts: string[] = [];
  const events: GenerationEvent[] = [];
  let usage: Usage | undefined;
  for await (const event of generation) {
    events.push(event);
    if (event.kind === 'text')
      texts[event.choiceIndex] = (texts[event.choiceIndex] ?? '') + event.text;
    if (event.kind === 'finished') usage = event.usage;
  }
  return { texts, usage, events };
}

async function answer(
  engine: Engine,
  text: string,
  fields: Partial<GenerationRequest> = {},
): Promise<Result> {
  return collect(submit(engine, requestOf(engine, text, fields)));
}

function metric(engine: Engine, name: string): number {
  const line = engine.metrics
    .expose()
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1));
}

test('a prompt asked again is taken from the cache, and answered alike', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const first = await answer(engine, wordsOf(1, 60));
  const second = await answer(engine, wordsOf(1, 60));
  assert.equal(first.usage?.cachedTokens, 0);
  assert.equal(second.usage?.cachedTokens, (second.usage?.promptTokens ?? 0) - 1);
  assert.deepEqual(second.texts, first.texts);
  assert.equal(first.usage?.completionTokens, 16);
});

test('requests in flight share a prefix that the first of them is still computing', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const shared = wordsOf(2, 200);
  const results = await Promise.all(
    Array.from({ length: 6 }, (_, index) => answer(engine, `${shared} number ${index}`)),
  );
  const cached = results.map((result) => result.usage?.cachedTokens ?? 0);
  assert.equal(cached.filter((tokens) => tokens === 0).length, 1, `one computes it: ${cached}`);
  assert.ok(cached.filter((tokens) => tokens >= 200).length === 5, `five take it: ${cached}`);
});

test('choices share their prompt and are drawn apart', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const { texts, usage } = await answer(engine, 'Once upon a time', {
    choiceCount: 3,
    sampling: { temperature: 1.2, seed: 5 },
  });
  assert.equal(texts.length, 3);
  assert.equal(new Set(texts).size, 3);
  assert.equal(usage?.completionTokens, 48);
  assert.equal(usage.promptTokens, 4);
});

test('a seed repeats an answer', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const sampling = { temperature: 1, seed: 11 };
  const first = await answer(engine, 'The weather today', { sampling });
  const second = await answer(engine, 'The weather today', { sampling });
  assert.deepEqual(first.texts, second.texts);
});

test('a stop string ends the answer before it', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const whole = (await answer(engine, wordsOf(3, 30), { maxTokens: 24 })).texts[0] ?? '';
  const stop = whole.slice(10, 14);
  const { texts, events } = await answer(engine, wordsOf(3, 30), { maxTokens: 24, stop: [stop] });
  assert.equal(texts[0] ?? '', whole.slice(0, whole.indexOf(stop)));
  const end = events.find((event) => event.kind === 'choice-finished');
  assert.equal(end?.reason, 'stop');
  assert.equal(end?.stop, stop);
});

test('log probabilities come with every token, best first', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const { events } = await answer(engine, wordsOf(4, 20), {
    maxTokens: 5,
    logprobs: { topCount: 3 },
  });
  const tokens = events.flatMap((event) => (event.kind === 'text' ? event.tokens : []));
  assert.equal(tokens.length, 5);
  for (const token of tokens) {
    assert.equal(token.top.length, 3);
    assert.equal(token.top[0]?.token, token.token, 'greedy takes the most probable');
    assert.ok(token.logprob <= 0 && (token.top[1]?.logprob ?? 0) <= token.logprob);
  }
});

test('cancelling frees the cells and ends the events, before and while generating', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const waiting = submit(engine, requestOf(engine, wordsOf(5, 400)));
  waiting.cancel();
  const early = await collect(waiting);
  assert.deepEqual(early.events.at(-1), {
    kind: 'failed',
    reason: 'cancelled',
    message: 'the request was cancelled',
  });
  const running = submit(engine, requestOf(engine, wordsOf(6, 40), { maxTokens: 500 }));
  for await (const event of running) if (event.kind === 'text') break;
  await answer(engine, 'short', { maxTokens: 1 });
  assert.equal(metric(engine, 'vllm:num_requests_running'), 0);
});

test('a deadline that passes fails the request', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const { events } = await answer(engine, wordsOf(7, 50), { maxTokens: 1000, deadlineMs: 300 });
  const last = events.at(-1);
  assert.equal(last?.kind === 'failed' && last.reason, 'deadline');
});

test('a full queue, an endless prompt and a bad grammar are refused at once', async (t) => {
  const engine = await openEngine(t, { queueLengthMax: 2, sequencesMax: 1 });
  if (engine === undefined) return;
  const long = engine.submit(requestOf(engine, wordsOf(8, 3000)));
  assert.equal(long.kind === 'rejected' && long.reason, 'prompt-too-long');
  const grammar = { gbnf: 'root ::= (' };
  const bad = engine.submit(requestOf(engine, 'x', { sampling: { temperature: 0, grammar } }));
  assert.equal(bad.kind === 'rejected' && bad.reason, 'grammar-invalid');
  const accepted = [1, 2].map((seed) => submit(engine, requestOf(engine, wordsOf(seed, 20))));
  const full = engine.submit(requestOf(engine, 'one more'));
  assert.equal(full.kind, 'rejected');
  assert.ok(full.kind === 'rejected' && full.reason === 'queue-full' && full.retryAfterMs >= 1000);
  await Promise.all(accepted.map(collect));
});

test('a grammar that leaves no token ends the answer, not the process', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const sampling = { temperature: 1, seed: 3, grammar: { gbnf: 'root ::= "yes"' } };
  const { texts, events } = await answer(engine, 'Say yes', { sampling, ignoreEos: true });
  assert.deepEqual(texts, ['yes']);
  assert.equal(events.at(-1)?.kind, 'finished');
  const nested = { gbnf: `root ::= ${'('.repeat(5000)}"a"${')'.repeat(5000)}` };
  const refused = engine.submit(
    requestOf(engine, 'x', { sampling: { temperature: 0, grammar: nested } }),
  );
  assert.equal(refused.kind === 'rejected' && refused.reason, 'grammar-invalid');
});

test('an answer that outgrows its stream goes on in a longer one', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const prompt = wordsOf(9, 240);
  const { usage } = await answer(engine, prompt, { maxTokens: 300 });
  assert.ok((usage?.promptTokens ?? 0) + 300 > 512, 'it does not fit into the shortest stream');
  assert.equal(usage?.completionTokens, 300);
});

test('64 answers are computed at once', async (t) => {
  const engine = await openEngine(t, { tokenMsMax: 60_000, sequencesMax: 64 });
  if (engine === undefined) return;
  let most = 0;
  const looking = setInterval(() => {
    most = Math.max(most, metric(engine, 'vllm:num_requests_running'));
  }, 20);
  const prompts = Array.from({ length: 64 }, (_, at) => `${at} ${wordsOf(at, 12)}`);
  const results = await Promise.all(
    prompts.map((prompt) => answer(engine, prompt, { maxTokens: 48 })),
  );
  clearInterval(looking);
  assert.equal(most, 64);
  for (const { usage } of results) assert.equal(usage?.completionTokens, 48);
});

test("a prompt may fill the model's own context but for one token, and an answer ends where the context does", async (t) => {
  const engine = await openEngine(t, { contextTokensMax: 8192, tokenMsMax: 60_000 });
  if (engine === undefined) return;
  assert.equal(engine.model.contextTokensMax, 8192);
  const tokens = engine.model.vocabulary.tokenize(wordsOf(5, 9_000), {
    addSpecial: true,
    parseSpecial: true,
  });
  const ask = (length: number): GenerationRequest =>
    requestOf(engine, '', { prompt: tokens.slice(0, length), maxTokens: 4 });
  const whole = await collect(submit(engine, ask(8191)));
  assert.deepEqual(
    [whole.usage?.promptTokens, whole.usage?.completionTokens],
    [8191, 1],
    'one token is left',
  );
  const refused = engine.submit(ask(8192));
  assert.deepEqual(
    [refused.kind, refused.kind === 'rejected' && 'limit' in refused && refused.limit],
    ['rejected', 8191],
  );
});

test('one tenant is never served from the cells of another where tenants are isolated', async (t) => {
  const engine = await openEngine(t, { isolatesTenants: true });
  if (engine === undefined) return;
  const prompt = wordsOf(10, 80);
  const mine = await answer(engine, prompt, { tenant: 'one' });
  const theirs = await answer(engine, prompt, { tenant: 'two' });
  const again = await answer(engine, prompt, { tenant: 'one' });
  assert.equal(mine.usage?.cachedTokens, 0);
  assert.equal(theirs.usage?.cachedTokens, 0);
  assert.ok((again.usage?.cachedTokens ?? 0) > 0);
});

test('embeddings are normalised and tell likeness from unlikeness', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const inputs = [
    'a small cat sleeps',
    'a little cat is sleeping',
    'interest rates of central banks',
  ].map((text) =>
    engine.model.vocabulary.tokenize(text, { addSpecial: false, parseSpecial: false }),
  );
  const [one, like, unlike] = await engine.embed(inputs);
  const product = (a: Float32Array | undefined, b: Float32Array | undefined): number =>
    (a ?? new Float32Array()).reduce((sum, value, at) => sum + value * (b?.[at] ?? 0), 0);
  assert.ok(Math.abs(product(one, one) - 1) < 1e-4);
  assert.ok(product(one, like) > product(one, unlike));
});

test('a drained engine finishes what it accepted and refuses the rest', async (t) => {
  const engine = await openEngine(t);
  if (engine === undefined) return;
  const generation = submit(engine, requestOf(engine, wordsOf(12, 20), { maxTokens: 12 }));
  const result = collect(generation);
  const drained = engine.drain();
  const late = engine.submit(requestOf(engine, 'late'));
  assert.equal(late.kind === 'rejected' && late.reason, 'draining');
  await drained;
  assert.equal((await result).usage?.completionTokens, 12);
});
