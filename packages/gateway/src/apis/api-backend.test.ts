import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiError } from '@millrace/openai';
import {
  type AnswerMessage,
  answerTo,
  type Backend,
  type BackendAnswer,
  type BackendRequest,
} from '../backends/backend.ts';
import { type BodyEnd, BytesBody, type BodySink, type BodySource } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { ApiBackend } from './api-backend.ts';
import type { TranslatedApi } from './api-route.ts';

/** A body in pieces that ends as it is told. */
class PiecesBody implements BodySource {
  readonly byteLength: undefined = undefined;
  readonly #pieces: readonly string[];
  readonly #end: BodyEnd;
  isDestroyed = false;

  constructor(pieces: readonly string[], end: BodyEnd) {
    this.#pieces = pieces;
    this.#end = end;
  }

  pipeTo(sink: BodySink): void {
    for (const piece of this.#pieces) {
      if (this.isDestroyed) return;
      sink.write(Buffer.from(piece));
      sink.flush();
    }
    if (!this.isDestroyed) sink.end(this.#end);
  }

  resume(): void {}

  destroy(): void {
    this.isDestroyed = true;
  }

  whenOver(): void {}
}

const events = HeaderBlock.of({ 'content-type': 'text/event-stream' });
const json = HeaderBlock.of({ 'content-type': 'application/json' });

interface World {
  readonly backend: ApiBackend;
  readonly asked: BackendRequest[];
}

function world(
  answer: AnswerMessage | BackendAnswer,
  nativeApis: readonly TranslatedApi[] = [],
): World {
  const asked: BackendRequest[] = [];
  const inner: Backend = {
    unavailable: undefined,
    send: (request, take) => {
      asked.push(request);
      take('kind' in answer ? answer : { kind: 'answered', message: answer });
    },
  };
  return { backend: new ApiBackend(inner, { nativeApis, answerBytesMax: 4096 }), asked };
}

function request(target: string, body: object | string, headers: object = {}): BackendRequest {
  return {
    method: 'POST',
    target,
    headers: HeaderBlock.of({
      'content-type': 'application/json',
      'x-request-id': 'req_1',
      ...headers,
    }),
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    cancellation: new Cancellation(),
  };
}

const message = { model: 'm', max_tokens: 4, messages: [{ role: 'user', content: 'Hi' }] };

function completion(more: object = {}): BytesBody {
  const choices = [{ message: { content: 'Hello' }, finish_reason: 'stop' }];
  const usage = { prompt_tokens: 3, completion_tokens: 1 };
  return new BytesBody(JSON.stringify({ id: 'c', model: 'm', choices, usage, ...more }));
}

interface Told {
  readonly status: number;
  readonly text: string;
  readonly end: BodyEnd | undefined;
  readonly headers: HeaderBlock;
  readonly failure: string | undefined;
}

async function told(answer: Promise<BackendAnswer>): Promise<Told> {
  const given = await answer;
  assert.ok(given.kind === 'answered', JSON.stringify(given));
  const { status, headers, body, failureEvent } = given.message;
  let text = '';
  let end: BodyEnd | undefined;
  body.pipeTo({
    write: (piece) => void (text += piece.toString()),
    flush: () => true,
    end: (how) => (end = how),
  });
  const failure = failureEvent?.(apiError('backend_failed', 'It died.'));
  return { status, text, end, headers, failure };
}

function chunks(...deltas: readonly object[]): string {
  return deltas
    .map((choice) => JSON.stringify({ id: 'c', model: 'm', choices: [choice] }))
    .map((data) => `data: ${data}\n\n`)
    .join('');
}

test('a request for a message goes to the engine as a chat completion, and comes back as a message', async () => {
  const { backend, asked } = world({ status: 200, headers: json, body: completion() });
  const headers = { 'x-api-key': 'secret', 'anthropic-version': '1', 'accept-encoding': 'gzip' };
  const answer = await told(answerTo(backend, request('/v1/messages?beta=true', message, headers)));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('request-id'), 'req_1');
  const body = JSON.parse(answer.text) as { readonly type: string; readonly content: unknown };
  assert.equal(body.type, 'message');
  assert.deepEqual(body.content, [{ type: 'text', text: 'Hello' }]);
  const [sent] = asked;
  assert.equal(sent?.target, '/v1/chat/completions');
  assert.deepEqual(JSON.parse(String(sent.body)), message);
  assert.deepEqual(Object.fromEntries(sent.headers), {
    'content-type': 'application/json',
    'x-request-id': 'req_1',
    authorization: 'Bearer secret',
  });
});

test('a stream is translated however its bytes are cut', async () => {
  const text =
    chunks({ delta: { content: 'Hé' } }, { delta: {}, finish_reason: 'stop' }) +
    'data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\ndata: [DONE]\n\n';
  for (const target of ['/v1/messages', '/v1/responses']) {
    const asks = target === '/v1/messages' ? message : { model: 'm', input: 'Hi' };
    const answers = [[text], Array.from(text)].map((pieces) => {
      const body = new PiecesBody(pieces, 'whole');
      const { backend } = world({ status: 200, headers: events, body });
      return told(answerTo(backend, request(target, { ...asks, stream: true })));
    });
    const [whole, cut] = await Promise.all(answers);
    assert.equal(whole?.end, 'whole');
    assert.match(whole.text, /"Hé"/);
    assert.match(whole.text, /event: (message_stop|response\.completed)\n.*\n\n$/);
    assert.equal(cut?.text, whole.text);
    assert.equal(whole.failure, '', 'nothing follows the end');
  }
});

test('a stream that its engine breaks off ends with an event in the form of the API', async () => {
  const cases = [
    ['/v1/messages', message, /^event: error\ndata: \{"type":"error","error":\{"type":"api_error"/],
    ['/v1/responses', { model: 'm', input: 'Hi' }, /response\.failed.*"message":"It died\."/],
  ] as const;
  for (const [target, asks, failure] of cases) {
    const body = new PiecesBody([chunks({ delta: { content: 'Hi' } })], 'died');
    const { backend } = world({ status: 200, headers: events, body });
    const answer = await told(answerTo(backend, request(target, { ...asks, stream: true })));
    assert.equal(answer.end, 'died');
    assert.match(answer.failure ?? '', failure);
  }
});

test('a stream that is no answer stops the engine and tells why', async () => {
  const body = new PiecesBody(['data: nonsense\n\n', chunks({ delta: { content: 'x' } })], 'whole');
  const { backend } = world({ status: 200, headers: events, body });
  const answer = await told(
    answerTo(backend, request('/v1/messages', { ...message, stream: true })),
  );
  assert.match(answer.text, /^event: error\n.*is no JSON/);
  assert.equal(answer.end, 'died');
  assert.ok(body.isDestroyed);
  assert.equal(answer.failure, '');
});

test('what is refused is told in the form of the API, without asking an engine', async () => {
  const { backend, asked } = world({ status: 200, headers: json, body: completion() });
  const cases = [
    ['/v1/messages', { ...message, max_tokens: 0 }, 400, /"invalid_request_error".*max_tokens/],
    ['/v1/messages', '{', 400, /"type":"error".*not valid JSON/],
    ['/v1/responses', { model: 'm', input: 'a', store: true }, 400, /"param":"store"/],
    ['/v1/messages/batches', {}, 404, /"not_found_error".*count_tokens/],
    ['/v1/responses/resp_1/cancel', {}, 404, /nothing is stored/],
  ] as const;
  for (const [target, body, status, text] of cases) {
    const answer = await told(answerTo(backend, request(target, body)));
    assert.equal(answer.status, status, target);
    assert.match(answer.text, text);
  }
  assert.equal(asked.length, 0);
});

test('an engine’s error comes in the form of the API, with when to come back', async () => {
  const headers = json.with({ 'retry-after': '3' });
  const body = (): BytesBody => new BytesBody('{"error":{"message":"Full."}}');
  const messages = world({ status: 429, headers, body: body() });
  const answer = await told(answerTo(messages.backend, request('/v1/messages', message)));
  assert.equal(answer.status, 429);
  assert.equal(answer.headers.get('retry-after'), '3');
  assert.deepEqual(JSON.parse(answer.text), {
    type: 'error',
    error: { type: 'rate_limit_error', message: 'Full.' },
    request_id: 'req_1',
  });
  const responses = world({ status: 429, headers, body: body() });
  const other = await told(
    answerTo(responses.backend, request('/v1/responses', { model: 'm', input: 'a' })),
  );
  assert.equal(other.text, '{"error":{"message":"Full."}}');
});

test('whole answers that cannot be translated are failures that say why', async () => {
  const asks = request('/v1/messages', message);
  const cases: readonly (readonly [AnswerMessage, BackendRequest, RegExp])[] = [
    [{ status: 200, headers: json, body: new BytesBody('<html>') }, asks, /JSON/],
    [{ status: 200, headers: json, body: completion({ choices: [] }) }, asks, /choices is \[\]/],
    [{ status: 200, headers: json, body: new BytesBody('x'.repeat(5000)) }, asks, /4096 bytes/],
    [{ status: 200, headers: json, body: new PiecesBody(['{'], 'died') }, asks, /ended before/],
    [
      { status: 200, headers: json, body: completion() },
      request('/v1/messages', { ...message, stream: true }),
      /without one/,
    ],
  ];
  for (const [answer, asked, reason] of cases) {
    const given = await answerTo(world(answer).backend, asked);
    assert.ok(given.kind === 'failed');
    assert.equal(given.error.status, 502);
    assert.match(given.error.message, reason);
  }
});

test('tokens are counted by the engine, or it is said that it cannot', async () => {
  const { model, messages } = message;
  const asks = request('/v1/messages/count_tokens', { model, messages });
  const answers = [
    [200, '{"count":7,"tokens":[1]}', 200, { input_tokens: 7 }],
    [200, '{"tokens":[1,2]}', 200, { input_tokens: 2 }],
    [200, '{"tokens":[]}', 404, undefined],
    [404, '{"detail":"Not Found"}', 404, undefined],
    [422, '{"error":{"message":"prompt: field required"}}', 404, undefined],
  ] as const;
  for (const [status, body, toldStatus, toldBody] of answers) {
    const { backend, asked } = world({ status, headers: json, body: new BytesBody(body) });
    const answer = await told(answerTo(backend, asks));
    assert.equal(asked[0]?.target, '/tokenize');
    assert.equal(answer.status, toldStatus);
    if (toldBody === undefined) assert.match(answer.text, /cannot count the tokens of messages/);
    else assert.deepEqual(JSON.parse(answer.text), toldBody);
  }
  const unknown = new BytesBody('{"error":{"message":"The model does not exist."}}');
  const { backend } = world({ status: 404, headers: json, body: unknown });
  assert.match((await told(answerTo(backend, asks))).text, /The model does not exist/);
});

test('an API that the engine speaks itself, and all others, go on as they came', async () => {
  const body = completion();
  const native = world({ status: 200, headers: json, body }, ['messages']);
  const asks = request('/v1/messages', { anything: 1 });
  const answer = await answerTo(native.backend, asks);
  assert.ok(answer.kind === 'answered' && answer.message.body === body);
  assert.match(
    answer.message.failureEvent?.(apiError('backend_failed', 'x')) ?? '',
    /^event: error/,
  );
  assert.equal(native.asked[0], asks);
  const plain = world({ status: 200, headers: json, body });
  const chat = request('/v1/chat/completions', {});
  await answerTo(plain.backend, chat);
  assert.equal(plain.asked[0], chat);
});

test('a client that leaves while a whole answer is read abandons it', async () => {
  const asks = request('/v1/messages', message);
  const body = new PiecesBody(['{'], 'destroyed');
  const given = answerTo(world({ status: 200, headers: json, body }).backend, asks);
  asks.cancellation.cancel('client-gone');
  assert.deepEqual(await given, { kind: 'abandoned' });
});
