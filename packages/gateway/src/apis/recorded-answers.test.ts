import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { answerTo } from '../backends/backend.ts';
import { StreamWatcher } from '@millrace/openai';
import { readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { noAnswer, withEvent } from '../resilience/continuation/answer-so-far.ts';
import { continuedEvent } from '../resilience/continuation/continued-event.ts';
import { continuationRequest } from '../resilience/continuation/continuation-request.ts';
import { openFleet } from '../testing/open-fleet.ts';
import {
  exchangeIn,
  openRecordedEngine,
  type RecordedEngineName,
  recordingOf,
} from '../testing/recorded-engine.ts';

const recordings = { 'llama-server': recordingOf('llama-server'), vllm: recordingOf('vllm') };
const names: readonly RecordedEngineName[] = ['llama-server', 'vllm'];
const chatPath = '/v1/chat/completions';
const streamed = { stream: true, max_tokens: 6 };
const messageAsked = { model: 'smol', max_tokens: 6, messages: [{ role: 'user', content: 'Hi' }] };
const spoken = 'The river was a life-';

interface Told {
  readonly status: number;
  readonly text: string;
}

/** What a client of the gateway gets when the engine behind it answers as it was recorded. */
async function told(
  t: TestContext,
  name: RecordedEngineName,
  step: { readonly exchange: string; readonly target?: string; readonly body?: object },
): Promise<Told> {
  const { exchange, target } = step;
  const { request } = exchangeIn(recordings[name], exchange);
  const engine = await openRecordedEngine(t, recordings[name], {
    [target === undefined ? request.path : chatPath]: exchange,
  });
  const fleet = await openFleet([engine.url]);
  t.after(() => fleet[Symbol.dispose]());
  const answer = await answerTo(fleet.backend, {
    method: 'POST',
    target: target ?? request.path,
    headers: HeaderBlock.of({ 'content-type': 'application/json' }),
    body: Buffer.from(JSON.stringify(step.body ?? request.body)),
    cancellation: new Cancellation(),
  });
  assert.ok(answer.kind === 'answered', JSON.stringify(answer));
  const body = await readBody(answer.message.body, 2 ** 20);
  assert.ok(body.kind === 'whole', body.kind);
  return { status: answer.message.status, text: body.bytes.toString() };
}

test('answers go through as they came, whole and streamed', async (t) => {
  for (const name of names)
    for (const exchange of ['chat', 'chat, streamed', 'completion', 'completion, streamed']) {
      const found = await told(t, name, { exchange });
      assert.equal(found.status, 200);
      assert.equal(found.text, exchangeIn(recordings[name], exchange).text);
    }
});

test('what an engine refuses is told in its own words, and counts for no failure of it', async (t) => {
  for (const name of names)
    for (const exchange of ['a parameter of a wrong type', 'a prompt that is too long']) {
      const found = await told(t, name, { exchange });
      assert.equal(found.status, 400, `${name}: ${exchange}`);
      assert.equal(found.text, exchangeIn(recordings[name], exchange).text);
    }
});

test('a stream is understood as it passes: pieces, end, usage', () => {
  for (const name of names)
    for (const [exchange, count] of [
      ['chat, streamed', 6],
      ['completion, streamed', 6],
      ['chat, continued', 6],
    ] as const) {
      const watcher = new StreamWatcher();
      const bytes = Buffer.from(exchangeIn(recordings[name], exchange).text);
      for (let at = 0; at < bytes.length; at += 97) watcher.push(bytes.subarray(at, at + 97));
      assert.equal(watcher.contentEvents, count, `${name}: ${exchange}`);
      assert.equal(watcher.finishReason, 'length');
      assert.equal(watcher.usage?.completionTokens, 6);
      assert.equal(watcher.unreadEvents + watcher.errorEvents, 0);
      assert.ok(watcher.isDone);
    }
});

test('an answer becomes a message, and a stream the events of one', async (t) => {
  for (const name of names) {
    const whole = await told(t, name, {
      exchange: 'chat',
      target: '/v1/messages',
      body: messageAsked,
    });
    const message = JSON.parse(whole.text) as Readonly<Record<string, unknown>>;
    assert.deepEqual(message['content'], [{ type: 'text', text: spoken }]);
    assert.equal(message['stop_reason'], 'max_tokens');
    const body = { ...messageAsked, ...streamed };
    const { text } = await told(t, name, {
      exchange: 'chat, streamed',
      target: '/v1/messages',
      body,
    });
    const pieces = [...text.matchAll(/"text_delta","text":"([^"]*)"/g)].map(([, piece]) => piece);
    assert.equal(pieces.join(''), spoken);
    assert.match(text, /"stop_reason":"max_tokens".*"output_tokens":6/);
    assert.match(text, /event: message_stop\n.*\n\n$/);
  }
});

test('an answer becomes a response, and a stream the events of one', async (t) => {
  for (const name of names) {
    const body = { model: 'smol', input: 'Hi' };
    const whole = await told(t, name, { exchange: 'chat', target: '/v1/responses', body });
    assert.match(whole.text, new RegExp(`"output_text","text":"${spoken}"`));
    const { text } = await told(t, name, {
      exchange: 'chat, streamed',
      target: '/v1/responses',
      body: { ...body, stream: true },
    });
    assert.match(text, /event: response\.incomplete\n.*\n\n$/);
    assert.match(text, new RegExp(`"text":"${spoken}"`));
  }
});

test("a string at which vLLM stopped is told to the Messages API's clients", async (t) => {
  const exchange = 'chat that meets a stop string';
  const { text } = await told(t, 'vllm', { exchange, target: '/v1/messages', body: messageAsked });
  const message = JSON.parse(text) as Readonly<Record<string, unknown>>;
  assert.equal(message['stop_reason'], 'stop_sequence');
  assert.equal(message['stop_sequence'], ' was');
});

test("a call of vLLM's becomes a use of a tool, whole and streamed", async (t) => {
  const tools = [{ name: 'get_weather', input_schema: { type: 'object' } }];
  const body = { ...messageAsked, tools };
  const whole = await told(t, 'vllm', {
    exchange: 'chat with a call',
    target: '/v1/messages',
    body,
  });
  const message = JSON.parse(whole.text) as {
    readonly stop_reason: string;
    readonly content: readonly { readonly type: string; readonly name?: string }[];
  };
  assert.equal(message.stop_reason, 'tool_use');
  const use = message.content.find(({ type }) => type === 'tool_use');
  assert.equal(use?.name, 'get_weather');
  const { text } = await told(t, 'vllm', {
    exchange: 'chat with a call, streamed',
    target: '/v1/messages',
    body: { ...body, stream: true },
  });
  assert.match(text, /"type":"tool_use","id":"[^"]+","name":"get_weather"/);
  assert.match(text, /"stop_reason":"tool_use"/);
});

test('an error of an engine is told in the form of the Messages API', async (t) => {
  for (const name of names) {
    const exchange = 'a parameter of a wrong type';
    const found = await told(t, name, { exchange, target: '/v1/messages', body: messageAsked });
    assert.equal(found.status, 400);
    const { type, error } = JSON.parse(found.text) as {
      readonly type: string;
      readonly error: { readonly type: string; readonly message: string };
    };
    assert.deepEqual([type, error.type], ['error', 'invalid_request_error']);
    assert.match(error.message, /temperature/);
  }
});

test('an engine is asked to go on in the words that it was recorded to understand, and goes on', () => {
  const kinds = { 'llama-server': 'llama.cpp', vllm: 'vllm' } as const;
  for (const name of names) {
    const { request, text } = exchangeIn(recordings[name], 'chat, continued');
    const asked = request.body as Readonly<Record<string, unknown>>;
    const { continue_final_message: _goOn, add_generation_prompt: _adds, ...usual } = asked;
    const messages = asked['messages'] as readonly { readonly content: string }[];
    const before = messages.at(-1)?.content ?? assert.fail();
    const first = withEvent(noAnswer, chunk(before), { textLengthMax: 1_000 });
    const rest = continuationRequest(
      {
        target: chatPath,
        body: Buffer.from(
          JSON.stringify({ ...usual, max_tokens: 7, messages: messages.slice(0, -1) }),
        ),
      },
      first,
      { kind: kinds[name], model: 'smol' },
    );
    assert.ok(rest.kind === 'request', JSON.stringify(rest));
    assert.deepEqual(JSON.parse(rest.body.toString()), asked);
    const events = text
      .split('\n\n')
      .filter((event) => event.startsWith('data: {'))
      .flatMap((event) => continuedEvent(event.slice('data: '.length), first, undefined) ?? []);
    const gone = events
      .map(({ text: event }) => /"content":"([^"]*)"/.exec(event)?.[1] ?? '')
      .join('');
    assert.equal(gone, ', in a land far away', 'it does not begin anew');
  }
});

function chunk(content: string): string {
  return JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content } }] });
}
