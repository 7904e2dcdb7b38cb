import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '@millrace/stdx';
import { Registry } from '@millrace/telemetry';
import {
  answerTo,
  type Backend,
  type BackendAnswer,
  type BackendRequest,
} from '../backends/backend.ts';
import { BytesBody, readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { type BatchMetrics, createBatchMetrics } from './batch-metrics.ts';
import { BatchingBackend, type BatchingOptions } from './batching-backend.ts';

interface Asked {
  readonly inputs: readonly string[];
  readonly request: BackendRequest;
  readonly answer: (answer: BackendAnswer) => void;
}

interface World {
  readonly clock: VirtualClock;
  readonly backend: BatchingBackend;
  readonly asked: Asked[];
}

const limits: BatchingOptions = {
  routes: ['embeddings'],
  inputsMax: 4,
  delayMsMax: 5,
  bytesMax: 10_000,
  waitingMax: 100,
};

/** A backend whose answers a test gives by itself. */
function world(batching: Partial<BatchingOptions> = {}, metrics?: BatchMetrics): World {
  const clock = new VirtualClock();
  const asked: Asked[] = [];
  const inner: Backend = {
    unavailable: undefined,
    send: (request, answer) => {
      const { input } = JSON.parse(String(request.body)) as { readonly input: string | string[] };
      asked.push({ inputs: [input].flat(), request, answer });
      request.cancellation.subscribe(() => answer({ kind: 'abandoned' }));
    },
  };
  const backend = new BatchingBackend(inner, {
    batching: { ...limits, ...batching },
    clock,
    answerBytesMax: 10_000,
    metrics,
  });
  return { clock, backend, asked };
}

function request(input: string, more: { tenant?: string; model?: string } = {}): BackendRequest {
  const { tenant = 'a', model = 'm' } = more;
  return {
    method: 'POST',
    target: '/v1/embeddings',
    headers: HeaderBlock.of({ 'content-type': 'application/json', 'x-millrace-tenant': tenant }),
    body: Buffer.from(JSON.stringify({ model, input })),
    cancellation: new Cancellation(),
  };
}

function answerOf(inputs: readonly string[]): BackendAnswer {
  const data = inputs.map((input, index) => ({ index, embedding: input }));
  const usage = { prompt_tokens: inputs.join('').length, total_tokens: inputs.join('').length };
  return whole(200, { data, usage });
}

function whole(status: number, value: object): BackendAnswer {
  const headers = HeaderBlock.of({ 'content-type': 'application/json' });
  const body = new BytesBody(JSON.stringify(value));
  return { kind: 'answered', message: { status, headers, body } };
}

async function told(answer: Promise<BackendAnswer>): Promise<unknown> {
  const given = await answer;
  if (given.kind !== 'answered') return given.kind;
  const read = await readBody(given.message.body, 10_000);
  assert.ok(read.kind === 'whole');
  const { data } = JSON.parse(String(read.bytes)) as { readonly data?: readonly object[] };
  return data ?? given.message.status;
}

/** The first request goes alone: only then are others expected. */
async function warmed(batching: Partial<BatchingOptions> = {}): Promise<World> {
  const opened = world(batching);
  const first = answerTo(opened.backend, request('first'));
  opened.asked[0]?.answer(answerOf(['first']));
  await first;
  opened.asked.length = 0;
  return opened;
}

test('requests that come close together are one request, and each gets its own answer', async () => {
  const { backend, asked, clock } = await warmed();
  const answers = ['a', 'b', 'c'].map((input) => told(answerTo(backend, request(input))));
  assert.equal(asked.length, 0, 'they wait for one another');
  clock.advance(5);
  assert.deepEqual(
    asked.map(({ inputs }) => inputs),
    [['a', 'b', 'c']],
  );
  asked[0]?.answer(answerOf(['a', 'b', 'c']));
  assert.deepEqual(await Promise.all(answers), [
    [{ index: 0, embedding: 'a' }],
    [{ index: 0, embedding: 'b' }],
    [{ index: 0, embedding: 'c' }],
  ]);
});

test('a batch that is full goes at once', async () => {
  const { backend, asked } = await warmed({ inputsMax: 2 });
  void answerTo(backend, request('a'));
  void answerTo(backend, request('b'));
  assert.deepEqual(asked[0]?.inputs, ['a', 'b']);
});

test('tenants, models and other requests are not merged', async () => {
  const { backend, asked, clock } = await warmed({ models: ['m'] });
  void answerTo(backend, request('a'));
  void answerTo(backend, request('b', { tenant: 'other' }));
  void answerTo(backend, request('c', { model: 'other' }));
  void answerTo(backend, { ...request('d'), target: '/v1/rerank' });
  clock.advance(5);
  assert.deepEqual(asked.map(({ inputs }) => inputs).toSorted(), [['a'], ['b'], ['c'], ['d']]);
});

test('one input that is refused does not fail the others', async () => {
  const { backend, asked, clock } = await warmed();
  const answers = ['good', 'bad'].map((input) => told(answerTo(backend, request(input))));
  clock.advance(5);
  asked[0]?.answer(whole(400, { error: { message: 'bad' } }));
  await new Promise(setImmediate);
  assert.deepEqual(
    asked.map(({ inputs }) => inputs),
    [['good', 'bad'], ['good'], ['bad']],
  );
  asked[1]?.answer(answerOf(['good']));
  asked[2]?.answer(whole(400, { error: { message: 'bad' } }));
  assert.deepEqual(await Promise.all(answers), [[{ index: 0, embedding: 'good' }], 400]);
});

test('what was merged, sent alone and sent apart is counted, with how long it waited', async () => {
  const registry = new Registry();
  const { backend, asked, clock } = world({}, createBatchMetrics(registry));
  const alone = answerTo(backend, request('first'));
  asked[0]?.answer(answerOf(['first']));
  await alone;
  const answers = ['a', 'b'].map((input) => told(answerTo(backend, request(input))));
  assert.match(registry.expose(), /^millrace_gateway_batch_waiting 2$/m);
  clock.advance(5);
  asked[1]?.answer(whole(400, { error: { message: 'bad' } }));
  await new Promise(setImmediate);
  asked[2]?.answer(answerOf(['a']));
  asked[3]?.answer(answerOf(['b']));
  await Promise.all(answers);
  const text = registry.expose();
  for (const [how, count] of Object.entries({ merged: 2, alone: 1, apart: 2 }))
    assert.match(
      text,
      new RegExp(`^millrace_gateway_batched_requests_total\\{how="${how}"\\} ${count}$`, 'm'),
    );
  assert.match(text, /^millrace_gateway_batch_inputs_sum 2$/m);
  assert.match(text, /^millrace_gateway_batch_wait_seconds_sum 0\.01$/m);
  assert.match(text, /^millrace_gateway_batch_wait_seconds_count 3$/m);
  assert.match(text, /^millrace_gateway_batch_waiting 0$/m);
});

test('an engine’s failure, and an answer that cannot be divided, are told to all', async () => {
  for (const [answer, expected] of [
    [whole(503, { error: {} }), 503],
    [answerOf(['only one']), 'failed'],
    [whole(200, { data: 'x'.repeat(20_000) }), 'failed'],
    [{ kind: 'failed', error: { status: 502 } } as BackendAnswer, 'failed'],
  ] as const) {
    const { backend, asked, clock } = await warmed();
    const answers = ['a', 'b'].map((input) => told(answerTo(backend, request(input))));
    clock.advance(5);
    asked[0]?.answer(answer);
    assert.deepEqual(await Promise.all(answers), [expected, expected]);
  }
});

test('who leaves while waiting is left out, and who leaves later stops nobody but the last', async () => {
  const { backend, asked, clock } = await warmed();
  const requests = ['a', 'b', 'c'].map((input) => request(input));
  const answers = requests.map((each) => told(answerTo(backend, each)));
  requests[0]?.cancellation.cancel('client-gone');
  assert.equal(await answers[0], 'abandoned');
  clock.advance(5);
  assert.deepEqual(asked[0]?.inputs, ['b', 'c']);
  requests[1]?.cancellation.cancel('client-gone');
  assert.equal(await answers[1], 'abandoned');
  assert.equal(asked[0].request.cancellation.reason, undefined);
  requests[2]?.cancellation.cancel('client-gone');
  assert.equal(asked[0].request.cancellation.reason, 'client-gone');
  assert.equal(await answers[2], 'abandoned');
});

test('who had gone before is not sent at all', async () => {
  const { backend, asked } = world();
  const gone = request('a');
  gone.cancellation.cancel('client-gone');
  assert.deepEqual(await answerTo(backend, gone), { kind: 'abandoned' });
  assert.equal(asked.length, 0);
});
