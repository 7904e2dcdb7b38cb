import assert from 'node:assert/strict';
import test from 'node:test';
import type { EngineKind } from '../../engines/engine-kind.ts';
import { type AnswerSoFar, noAnswer, withEvent } from './answer-so-far.ts';
import { continuationObstacle, continuationRequest } from './continuation-request.ts';
import { continuedEvent, lengthEvent } from './continued-event.ts';

const bounds = { textLengthMax: 1_000 };
const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 5, model: 'smol' };

function chunk(delta: object, more: object = {}): string {
  return JSON.stringify({ ...head, choices: [{ index: 0, delta, finish_reason: null, ...more }] });
}

function answerOf(...events: readonly string[]): AnswerSoFar {
  return events.reduce((answer, event) => withEvent(answer, event, bounds), noAnswer);
}

function request(
  fields: object,
  target = '/v1/chat/completions',
): { target: string; body: Buffer } {
  return { target, body: Buffer.from(JSON.stringify({ model: 'm', stream: true, ...fields })) };
}

const chat = request({ messages: [{ role: 'user', content: 'Hi' }], max_tokens: 10 });
const started = answerOf(
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'Good' }),
  chunk({ content: ' day' }),
);

function bodyOf(kind: EngineKind, asked = chat, answer = started): Record<string, unknown> {
  const found = continuationRequest(asked, answer, { kind, model: undefined });
  assert.equal(found.kind, 'request', JSON.stringify(found));
  return JSON.parse(found.kind === 'request' ? found.body.toString() : '') as Record<
    string,
    unknown
  >;
}

test('an answer is gathered from its events', () => {
  assert.equal(started.text, 'Good day');
  assert.equal(started.chunks, 2);
  assert.deepEqual(started.head, head);
  const ended = answerOf(chunk({ content: 'a' }), chunk({}, { finish_reason: 'stop' }), '[DONE]');
  assert.ok(ended.isFinished && ended.isDone);
});

test('a chat goes on with what was said as the last message, and fewer tokens', () => {
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Good day' },
  ];
  const vllm = bodyOf('vllm');
  assert.deepEqual(vllm['messages'], messages);
  assert.equal(vllm['continue_final_message'], true);
  assert.equal(vllm['add_generation_prompt'], false);
  assert.equal(vllm['max_tokens'], 8);
  assert.equal(bodyOf('millrace')['continue_final_message'], true);
  const llama = bodyOf('llama.cpp');
  assert.deepEqual(llama['messages'], messages);
  assert.equal(llama['continue_final_message'], true, 'else it says the message again');
});

test('a message of the assistant that the client began is continued, not doubled', () => {
  const begun = request({ messages: [{ role: 'assistant', content: 'Well, ' }] });
  assert.deepEqual(bodyOf('llama.cpp', begun)['messages'], [
    { role: 'assistant', content: 'Well, Good day' },
  ]);
});

test('a completion goes on from its text, at any engine', () => {
  const asked = request({ prompt: 'Once', max_tokens: 9 }, '/v1/completions');
  const answer = answerOf(JSON.stringify({ id: 'c', choices: [{ index: 0, text: ' upon' }] }));
  for (const kind of ['openai', 'millrace', 'tensorrt-llm'] as const) {
    const body = bodyOf(kind, asked, answer);
    assert.equal(body['prompt'], 'Once upon');
    assert.equal(body['max_tokens'], 8);
  }
});

test('a stream that died before its first text is asked for again, at any engine', () => {
  const opened = answerOf(chunk({ role: 'assistant', content: '' }));
  assert.deepEqual(bodyOf('openai', chat, opened)['messages'], [{ role: 'user', content: 'Hi' }]);
});

test('what a text does not carry is not continued, and says why', () => {
  const reason = (fields: object, answer = started, kind: EngineKind = 'vllm'): string => {
    const asked = request({ messages: [], ...fields });
    const found = continuationRequest(asked, answer, { kind, model: 'x' });
    return found.kind === 'impossible' ? found.reason : found.kind;
  };
  assert.match(reason({ response_format: { type: 'json_schema' } }), /response_format/);
  assert.equal(reason({ response_format: { type: 'text' }, n: 1 }), 'request');
  assert.match(reason({ n: 2 }), /several choices/);
  assert.match(reason({ stream: false }), /not streamed/);
  assert.match(reason({}, started, 'ollama'), /ollama does not go on/);
  assert.match(reason({}, answerOf(chunk({ tool_calls: [{ index: 0 }] }))), /tool_calls/);
  assert.match(reason({}, answerOf(chunk({ reasoning_content: 'hm' }))), /reasoning_content/);
  assert.match(reason({}, answerOf(chunk({ content: 'x'.repeat(1_001) }))), /longer than/);
  assert.match(reason({}, answerOf('{"error":{"message":"oom"}}')), /error/);
  assert.match(continuationObstacle('/v1/embeddings', chat.body) ?? '', /no text/);
});

test('an answer at its bound is complete', () => {
  const short = request({ messages: [], max_tokens: 2 });
  const engine = { kind: 'vllm', model: undefined } as const;
  assert.equal(continuationRequest(short, started, engine).kind, 'complete');
  assert.match(lengthEvent(started, true), /"id":"chatcmpl-1".*"finish_reason":"length"/);
});

test("events of the second engine look like the first stream's, one of them marked", () => {
  const mark = { from: 'a', to: 'b', chunksBefore: 2 };
  const other = { id: 'other', created: 9, model: 'elsewhere', object: head.object };
  const event = (delta: object, more: object = {}): string =>
    JSON.stringify({ ...other, choices: [{ index: 0, delta, finish_reason: null }], ...more });
  assert.equal(continuedEvent(event({ role: 'assistant', content: '' }), started, mark), undefined);
  const first = continuedEvent(event({ role: 'assistant', content: '!' }), started, mark);
  assert.ok(first?.isMarked);
  assert.deepEqual(JSON.parse(first.text.slice('data: '.length)), {
    ...head,
    choices: [{ index: 0, delta: { content: '!' }, finish_reason: null }],
    millrace: { continued: { from: 'a', to: 'b', chunks_before: 2 } },
  });
  const usage = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 };
  const last = continuedEvent(JSON.stringify({ ...other, choices: [], usage }), started, undefined);
  assert.deepEqual(JSON.parse(last?.text.slice('data: '.length) ?? '').usage, {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
  });
  assert.equal(continuedEvent('[DONE]', started, undefined)?.text, 'data: [DONE]\n\n');
});
