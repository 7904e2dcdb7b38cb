import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { failingPiece, FakeEngine, type FakeEngineOptions } from '../testing/fake-engine.ts';
import { serveEngine } from './serve-engine.ts';
import type { EngineServerOptions } from './server-options.ts';

interface World {
  readonly engine: FakeEngine;
  readonly url: string;
  readonly post: (path: string, body: unknown, init?: RequestInit) => Promise<Response>;
}

async function open(
  t: TestContext,
  fake: FakeEngineOptions = {},
  options: Partial<EngineServerOptions> = {},
): Promise<World> {
  const engine = new FakeEngine(fake);
  const server = await serveEngine({ engine, listen: { host: '127.0.0.1', port: 0 }, ...options });
  t.after(() => server[Symbol.asyncDispose]());
  assert.ok('port' in server.address);
  const url = `http://127.0.0.1:${server.address.port}`;
  const post = (path: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
    fetch(url + path, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
      ...init,
    });
  return { engine, url, post };
}

async function eventsOf(response: Response): Promise<readonly string[]> {
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  const text = await response.text();
  return text
    .split('\n\n')
    .filter((part) => part !== '')
    .map((part) => part.replace(/^data: /, ''));
}

interface Chunk {
  readonly choices: readonly {
    readonly index: number;
    readonly text?: string;
    readonly delta?: { readonly role?: string; readonly content?: string };
    readonly finish_reason: string | null;
    readonly stop_reason?: string | number | null;
    readonly logprobs?: object | null;
  }[];
  readonly usage?: Readonly<Record<string, unknown>> | null;
}

function chunksOf(events: readonly string[]): readonly Chunk[] {
  assert.equal(events.at(-1), '[DONE]');
  return events.slice(0, -1).map((event) => JSON.parse(event) as Chunk);
}

async function errorOf(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const body = (await response.json()) as { error: Readonly<Record<string, unknown>> };
  assert.deepEqual(Object.keys(body.error).sort(), ['code', 'message', 'param', 'type']);
  return body.error;
}

/** Sends bytes as they are and resolves with all that comes back. */
async function sendRaw(url: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.end(bytes);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

const chat = { model: 'fake', messages: [{ role: 'user', content: 'hello world' }] };
const completion = { model: 'fake', prompt: 'abc' };

function* endless(): Generator<string> {
  for (;;) yield 'x'.repeat(1000);
}

describe('chat completions', () => {
  test('answers as a whole with usage and cached tokens', async (t) => {
    const { post } = await open(t, { answer: () => ['Hi', '!'] });
    const response = await post('/v1/chat/completions', chat);
    assert.equal(response.status, 200);
    const body = (await response.json()) as Record<string, unknown>;
    assert.match(String(body['id']), /^chatcmpl-[a-z0-9]{24}$/);
    assert.deepEqual(body['choices'], [
      {
        index: 0,
        message: { role: 'assistant', content: 'Hi!', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
        stop_reason: null,
      },
    ]);
    assert.deepEqual(body['usage'], {
      prompt_tokens: 33,
      completion_tokens: 2,
      total_tokens: 35,
      prompt_tokens_details: { cached_tokens: 16 },
    });
  });

  test('renders the conversation by the model’s own template', async (t) => {
    const { engine, post } = await open(t);
    await post('/v1/chat/completions', chat);
    const { model, requests } = engine;
    const prompt = model.vocabulary.detokenize(requests[0]?.prompt ?? []);
    assert.equal(prompt, '<|user|>hello world\n<|assistant|>');
  });

  test('leaves an open length to the context', async (t) => {
    const { engine, post } = await open(t);
    await post('/v1/chat/completions', chat);
    const [request] = engine.requests;
    assert.equal(request?.maxTokens, 2000 - (request?.prompt.length ?? 0));
  });

  test('streams a role, texts, a finish, the usage when asked, and an end', async (t) => {
    const { post } = await open(t, { answer: () => ['a', 'b'] });
    const stream = { stream: true, stream_options: { include_usage: true } };
    const response = await post('/v1/chat/completions', { ...chat, ...stream });
    const chunks = chunksOf(await eventsOf(response));
    assert.equal(chunks[0]?.choices[0]?.delta?.role, 'assistant');
    const texts = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta?.content ?? ''));
    assert.equal(texts.join(''), 'ab');
    assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, 'stop');
    assert.deepEqual(chunks.at(-1)?.choices, []);
    assert.equal(chunks.at(-1)?.usage?.['completion_tokens'], 2);
    assert.equal(chunks[0]?.usage, null);
  });

  test('streams several choices under their indexes', async (t) => {
    const { post } = await open(t, { answer: () => ['a'] });
    const response = await post('/v1/chat/completions', { ...chat, n: 3, stream: true });
    const chunks = chunksOf(await eventsOf(response)).flatMap(({ choices }) => choices);
    const finished = chunks.filter((choice) => choice.finish_reason === 'stop');
    assert.deepEqual(finished.map(({ index }) => index).sort(), [0, 1, 2]);
    const roles = chunks.filter(({ delta }) => delta?.role === 'assistant');
    assert.deepEqual(
      roles.map(({ index }) => index),
      [0, 1, 2],
    );
  });

  test('stops at a stop string and at the length', async (t) => {
    const { post } = await open(t, { answer: () => ['a', 'b', 'c'] });
    const finish = async (fields: object): Promise<unknown> => {
      const response = await post('/v1/chat/completions', { ...chat, ...fields });
      const body = (await response.json()) as { choices: readonly Record<string, unknown>[] };
      return body.choices[0]?.['finish_reason'];
    };
    assert.equal(await finish({ stop: 'b' }), 'stop');
    assert.equal(await finish({ max_tokens: 2 }), 'length');
  });

  test('tells the stop string that was met, whole and streamed, and nothing for others', async (t) => {
    const { post } = await open(t, { answer: () => ['a', 'b', 'c'] });
    const routes = [
      ['/v1/chat/completions', chat],
      ['/v1/completions', { model: chat.model, prompt: 'x', max_tokens: 9 }],
    ] as const;
    for (const [route, asked] of routes)
      for (const [fields, expected] of [
        [{ stop: ['x', 'b'] }, 'b'],
        [{}, null],
        [{ max_tokens: 1 }, null],
      ] as const) {
        const whole = (await (await post(route, { ...asked, ...fields })).json()) as {
          choices: readonly Record<string, unknown>[];
        };
        assert.equal(whole.choices[0]?.['stop_reason'], expected, route);
        const streamed = await post(route, { ...asked, ...fields, stream: true });
        const last = chunksOf(await eventsOf(streamed))
          .flatMap(({ choices }) => choices)
          .find((choice) => choice.finish_reason !== null);
        assert.equal(last?.stop_reason, expected, route);
      }
  });

  test('goes on with the last message where it is asked to, at whatever character it ends', async (t) => {
    const { engine, post } = await open(t);
    const goOn = { add_generation_prompt: false, continue_final_message: true };
    const messages = [...chat.messages, { role: 'assistant', content: 'Once upon ' }];
    await post('/v1/chat/completions', { ...chat, messages, ...goOn });
    const { model, requests } = engine;
    const prompt = model.vocabulary.detokenize(requests[0]?.prompt ?? []);
    assert.equal(prompt, '<|user|>hello world\n<|assistant|>Once upon ');
    const tokens = await post('/tokenize', { messages, continue_final_message: true });
    assert.equal(((await tokens.json()) as { count: number }).count, prompt.length);
    const closed = await post('/v1/chat/completions', {
      ...chat,
      messages,
      add_generation_prompt: false,
    });
    assert.equal(closed.status, 200);
    const whole = model.vocabulary.detokenize(engine.requests.at(-1)?.prompt ?? []);
    assert.ok(whole.startsWith(`${prompt}\n`), 'without it the message is closed');
  });

  test('says why it cannot go on with a message', async (t) => {
    const { post } = await open(t);
    const refusal = async (fields: object): Promise<string> => {
      const asked = { ...chat, continue_final_message: true, ...fields };
      const response = await post('/v1/chat/completions', asked);
      assert.equal(response.status, 400);
      return ((await response.json()) as { error: { message: string } }).error.message;
    };
    assert.match(await refusal({}), /only when the last message is the assistant's, with text/);
    assert.match(await refusal({ add_generation_prompt: true }), /are both true/);
  });

  test('gives the probabilities of tokens', async (t) => {
    const { post } = await open(t, { answer: () => ['a'] });
    const response = await post('/v1/chat/completions', {
      ...chat,
      logprobs: true,
      top_logprobs: 1,
    });
    const { choices } = (await response.json()) as { choices: readonly { logprobs: object }[] };
    const entry = { token: 'a', logprob: -0.5, bytes: [97] };
    const content = [{ ...entry, top_logprobs: [entry] }];
    assert.deepEqual(choices[0]?.logprobs, { content, refusal: null });
  });

  const tools = [
    {
      type: 'function',
      function: {
        name: 'weather',
        parameters: { type: 'object', properties: { city: { type: 'string' } } },
      },
    },
  ];

  const call = [
    '<tool_call>\n{"name": "weather", ',
    '"arguments": {"city": "Bern"}}\n</tool_call>',
  ];

  test('reads calls of tools out of the text', async (t) => {
    const { post } = await open(t, { answer: () => call });
    const response = await post('/v1/chat/completions', { ...chat, tools });
    const { choices } = (await response.json()) as {
      choices: readonly { message: Record<string, unknown>; finish_reason: string }[];
    };
    assert.equal(choices[0]?.finish_reason, 'tool_calls');
    assert.equal(choices[0].message['content'], null);
    const [made] = choices[0].message['tool_calls'] as { function: Record<string, string> }[];
    assert.equal(made?.function['name'], 'weather');
    assert.deepEqual(JSON.parse(made.function['arguments'] ?? ''), { city: 'Bern' });
  });

  test('streams calls of tools as deltas', async (t) => {
    const { post } = await open(t, { answer: () => call });
    const response = await post('/v1/chat/completions', { ...chat, tools, stream: true });
    const events = await eventsOf(response);
    const deltas = chunksOf(events).flatMap(({ choices }) => choices.map(({ delta }) => delta));
    const calls = deltas.flatMap(
      (delta) =>
        (
          delta as {
            tool_calls?: { index: number; id?: string; function: Record<string, string> }[];
          }
        ).tool_calls ?? [],
    );
    assert.match(calls[0]?.id ?? '', /^call_/);
    assert.equal(calls[0]?.function['name'], 'weather');
    const written = calls.map((part) => part.function['arguments']).join('');
    assert.deepEqual(JSON.parse(written), { city: 'Bern' });
    assert.ok(calls.slice(1).every((part) => part.id === undefined && part.index === 0));
    assert.equal(chunksOf(events).at(-1)?.choices[0]?.finish_reason, 'tool_calls');
  });

  test('binds the answer by a grammar where a form is asked for', async (t) => {
    const { engine, post } = await open(t);
    const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };
    const format = { type: 'json_schema', json_schema: { name: 'x', schema, strict: true } };
    await post('/v1/chat/completions', { ...chat, response_format: format });
    await post('/v1/chat/completions', { ...chat, response_format: { type: 'json_object' } });
    await post('/v1/chat/completions', { ...chat, tools, tool_choice: 'required' });
    await post('/v1/chat/completions', { ...chat, grammar: 'root ::= "yes" | "no"' });
    const grammars = engine.requests.map(({ sampling }) => sampling.grammar?.gbnf ?? '');
    assert.equal(grammars.length, 4);
    for (const gbnf of grammars) assert.match(gbnf, /root ::=/);
    assert.match(grammars[2] ?? '', /weather/);
  });

  test('names a schema that has no grammar, and a grammar that is none', async (t) => {
    const { post } = await open(t);
    const schema = { type: 'object', patternProperties: { x: true } };
    const format = { type: 'json_schema', json_schema: { name: 'x', schema } };
    const first = await post('/v1/chat/completions', { ...chat, response_format: format });
    assert.equal((await errorOf(first))['param'], 'response_format.json_schema.schema');
    const second = await post('/v1/chat/completions', { ...chat, grammar: 'nothing' });
    assert.equal((await errorOf(second))['param'], 'grammar');
    assert.equal(second.status, 400);
  });

  test('refuses a grammar that would hurt libllama', async (t) => {
    const { engine, post } = await open(t);
    const grammar = `root ::= ${'('.repeat(50_000)}"a"${')'.repeat(50_000)}`;
    for (const [path, body] of [
      ['/v1/chat/completions', chat],
      ['/v1/completions', completion],
    ] as const) {
      const response = await post(path, { ...body, grammar });
      assert.equal(response.status, 400);
      assert.equal((await errorOf(response))['param'], 'grammar');
    }
    assert.equal(engine.requests.length, 0);
  });

  test('refuses a conversation where the model has no template', async (t) => {
    const { post } = await open(t, { chatTemplate: undefined });
    const response = await post('/v1/chat/completions', chat);
    assert.equal(response.status, 400);
    assert.match(String((await errorOf(response))['message']), /no chat template/);
  });

  test('passes on the words with which a template refuses', async (t) => {
    const { post } = await open(t, {
      chatTemplate: "{{ raise_exception('roles must alternate') }}",
    });
    const response = await post('/v1/chat/completions', chat);
    assert.equal(response.status, 400);
    assert.match(String((await errorOf(response))['message']), /roles must alternate/);
  });
});

describe('completions', () => {
  test('answers several prompts in their order', async (t) => {
    const { post } = await open(t, { answer: (prompt) => [`<${prompt}>`] });
    const prompt = ['a', 'b'];
    const response = await post('/v1/completions', { ...completion, prompt, n: 2, echo: true });
    const body = (await response.json()) as { choices: { index: number; text: string }[] };
    assert.deepEqual(
      body.choices.map(({ index, text }) => [index, text]),
      [
        [0, 'a<a>'],
        [1, 'a<a>'],
        [2, 'b<b>'],
        [3, 'b<b>'],
      ],
    );
  });

  test('streams several prompts side by side', async (t) => {
    const { post } = await open(t, { answer: (prompt) => [...prompt] });
    const prompt = ['abc', 'xyz'];
    const response = await post('/v1/completions', {
      ...completion,
      prompt,
      echo: true,
      stream: true,
    });
    const texts = ['', ''];
    for (const { choices } of chunksOf(await eventsOf(response))) {
      for (const { index, text } of choices) texts[index] = `${texts[index]}${text}`;
    }
    assert.deepEqual(texts, ['abcabc', 'xyzxyz']);
  });

  test('takes token ids and names those that do not exist', async (t) => {
    const { engine, post } = await open(t);
    await post('/v1/completions', { ...completion, prompt: [97, 98] });
    assert.deepEqual([...(engine.requests[0]?.prompt ?? [])], [97, 98]);
    const response = await post('/v1/completions', { ...completion, prompt: [97, 5000] });
    assert.equal((await errorOf(response))['param'], 'prompt[1]');
  });

  test('begins an empty prompt with the first token of a text', async (t) => {
    const { engine, post } = await open(t);
    await post('/v1/completions', { ...completion, prompt: '' });
    assert.deepEqual([...(engine.requests[0]?.prompt ?? [])], [256]);
  });

  test('submits all prompts or none', async (t) => {
    const { engine, post } = await open(t, { queueLengthMax: 1 });
    const response = await post('/v1/completions', { ...completion, prompt: ['a', 'b'] });
    assert.equal(response.status, 429);
    assert.equal(response.headers.get('retry-after'), '2');
    assert.equal(engine.cancelledCount, 1);
  });

  test('folds any seed into the range of the samplers', async (t) => {
    const { engine, post } = await open(t);
    for (const seed of [-1, 5, 2 ** 40]) await post('/v1/completions', { ...completion, seed });
    for (const { sampling } of engine.requests) {
      assert.ok(sampling.seed !== undefined && sampling.seed >= 0 && sampling.seed < 2 ** 32 - 1);
    }
    assert.equal(engine.requests[1]?.sampling.seed, 5);
  });
});

describe('other routes', () => {
  test('embed as floats and as base64', async (t) => {
    const { post } = await open(t);
    const input = ['ab', 'abc'];
    const floats = await post('/v1/embeddings', { model: 'fake', input });
    const body = (await floats.json()) as { data: { embedding: number[] }[]; usage: object };
    assert.deepEqual(
      body.data.map(({ embedding }) => embedding[0]),
      [2, 3],
    );
    assert.deepEqual(body.usage, { prompt_tokens: 5, total_tokens: 5 });
    const coded = await post('/v1/embeddings', { model: 'fake', input, encoding_format: 'base64' });
    const { data } = (await coded.json()) as { data: { embedding: string }[] };
    const bytes = Buffer.from(data[1]?.embedding ?? '', 'base64');
    assert.deepEqual([bytes.readFloatLE(0), bytes.readFloatLE(8)], [3, -0.25]);
  });

  test('name an embedding that is too long or of other dimensions', async (t) => {
    const { post } = await open(t);
    const long = await post('/v1/embeddings', { model: 'fake', input: 'a'.repeat(3000) });
    assert.equal((await errorOf(long))['code'], 'context_length_exceeded');
    const other = await post('/v1/embeddings', { model: 'fake', input: 'a', dimensions: 3 });
    assert.match(String((await errorOf(other))['message']), /'dimensions' is 3; allowed is 4/);
  });

  test('turn text into tokens and back', async (t) => {
    const { post } = await open(t);
    const forth = await post('/tokenize', { prompt: 'abc', return_token_strs: true });
    assert.deepEqual(await forth.json(), {
      count: 3,
      max_model_len: 2000,
      tokens: [97, 98, 99],
      token_strs: ['a', 'b', 'c'],
    });
    const back = await post('/detokenize', { tokens: [97, 98] });
    assert.deepEqual(await back.json(), { prompt: 'ab', content: 'ab' });
    const conversation = await post('/tokenize', { messages: chat.messages });
    assert.equal(((await conversation.json()) as { count: number }).count, 33);
  });

  test('list the model, tell health and metrics', async (t) => {
    const { url, engine } = await open(t);
    const list = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
    assert.deepEqual(
      list.data.map(({ id }) => id),
      ['fake'],
    );
    assert.equal((await fetch(`${url}/v1/models/fake`)).status, 200);
    assert.equal((await fetch(`${url}/v1/models/other`)).status, 404);
    assert.equal((await fetch(`${url}/health`)).status, 200);
    assert.match(await (await fetch(`${url}/metrics`)).text(), /^# HELP/);
    engine.isReady = false;
    assert.equal((await fetch(`${url}/health`)).status, 503);
  });
});

describe('refusals', () => {
  const cases: readonly [
    title: string,
    path: string,
    body: unknown,
    status: number,
    code: string,
  ][] = [
    ['an unknown model', '/v1/chat/completions', { ...chat, model: 'gpt' }, 404, 'model_not_found'],
    ['an unknown parameter', '/v1/completions', { ...completion, x: 1 }, 400, 'unknown_parameter'],
    ['an empty body', '/v1/completions', '', 400, 'body_not_json'],
    ['a body that is no object', '/v1/completions', '[]', 400, 'invalid_type'],
    [
      'a prompt beyond the context',
      '/v1/completions',
      { ...completion, prompt: 'a'.repeat(2500) },
      400,
      'context_length_exceeded',
    ],
    [
      'a deadline passed',
      '/v1/completions',
      { ...completion, deadline_ms: 1 },
      504,
      'deadline_exceeded',
    ],
    [
      'a deadline passed before a stream began',
      '/v1/chat/completions',
      { ...chat, deadline_ms: 1, stream: true },
      504,
      'deadline_exceeded',
    ],
    [
      'a bias for no token',
      '/v1/completions',
      { ...completion, logit_bias: { 999: 1 } },
      400,
      'invalid_value',
    ],
  ];
  for (const [title, path, body, status, code] of cases) {
    test(`tell of ${title}`, async (t) => {
      const { post } = await open(t);
      const response = await post(path, body);
      assert.equal(response.status, status);
      assert.equal((await errorOf(response))['code'], code);
    });
  }

  test('name tokens and limit of a prompt that is too long', async (t) => {
    const { post } = await open(t);
    const prompt = 'a'.repeat(2500);
    const error = await errorOf(await post('/v1/completions', { ...completion, prompt }));
    assert.match(String(error['message']), /2500 tokens.*1999/);
    assert.equal(error['param'], 'prompt');
  });

  test('bear values nested without end', async (t) => {
    const { engine, post } = await open(t);
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const start = JSON.stringify(chat).slice(0, -1);
    for (const field of [
      'messages',
      'metadata',
      'stop',
      'chat_template_kwargs',
      'suffix',
      'user',
    ]) {
      const text = `${start},"${field}":{"a":${deep}}}`;
      const response = await post('/v1/chat/completions', text);
      await response.text();
      assert.ok([200, 400].includes(response.status), `${field}: ${response.status}`);
    }
    const tool = `{"type":"function","function":{"name":"f","parameters":{"properties":{"a":${deep}}}}}`;
    for (const choice of ['auto', 'required']) {
      const text = `${start},"tools":[${tool}],"tool_choice":"${choice}"}`;
      const response = await post('/v1/chat/completions', text);
      assert.equal(response.status, 400, await response.text());
    }
    assert.ok(engine.isReady);
  });

  test('tell where JSON breaks', async (t) => {
    const { post } = await open(t);
    for (const body of ['{"model": }', '{"model"']) {
      const response = await post('/v1/completions', body);
      assert.match(String((await errorOf(response))['message']), /position \d/);
    }
  });

  test('tell of a server that drains', async (t) => {
    const { engine, post } = await open(t);
    engine.isReady = false;
    const response = await post('/v1/completions', completion);
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('retry-after'), '1');
  });

  test('tell of an engine that fails, by status and in a stream', async (t) => {
    const { post } = await open(t, { answer: () => ['a', failingPiece] });
    const whole = await post('/v1/chat/completions', chat);
    assert.equal(whole.status, 500);
    const stream = await post('/v1/chat/completions', { ...chat, stream: true });
    assert.equal(stream.status, 200);
    const last = JSON.parse((await eventsOf(stream)).at(-1) ?? '') as { error: { code: string } };
    assert.equal(last.error.code, 'engine_failed');
  });

  test('list what a path answers', async (t) => {
    const { url, post } = await open(t);
    const wrongMethod = await fetch(`${url}/v1/completions`);
    assert.equal(wrongMethod.status, 405);
    assert.equal(wrongMethod.headers.get('allow'), 'POST');
    assert.equal((await post('/health', {})).headers.get('allow'), 'GET, HEAD');
    const nothing = await fetch(`${url}/v2/nothing`);
    assert.equal(nothing.status, 404);
    assert.equal((await errorOf(nothing))['code'], 'route_not_found');
  });

  test('take JSON only', async (t) => {
    const { post } = await open(t);
    const headers = { 'content-type': 'text/plain' };
    const response = await post('/v1/completions', completion, { headers });
    assert.equal(response.status, 415);
  });
});

describe('connections', () => {
  test('give back the request id or make one', async (t) => {
    const { url } = await open(t);
    const given = await fetch(`${url}/health`, { headers: { 'x-request-id': 'abc-1' } });
    assert.equal(given.headers.get('x-request-id'), 'abc-1');
    const made = await fetch(`${url}/health`);
    assert.match(made.headers.get('x-request-id') ?? '', /^req-[a-z0-9]{24}$/);
  });

  test('refuse a body beyond the bound, told or not told ahead', async (t) => {
    const { post } = await open(t, {}, { bodyBytesMax: 2048 });
    const text = JSON.stringify({ ...completion, prompt: 'a'.repeat(4000) });
    const told = await post('/v1/completions', text);
    assert.equal(told.status, 413);
    assert.match(String((await errorOf(told))['message']), /2048 bytes/);
    const body = new Blob([text]).stream();
    const untold = await post('/v1/completions', '', { body, duplex: 'half' });
    assert.equal(untold.status, 413);
  });

  test('answer bytes that are no request', async (t) => {
    const { url } = await open(t, {}, { headerBytesMax: 2048 });
    assert.match(await sendRaw(url, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 .*malformed_request/s);
    const long = `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(4000)}\r\n\r\n`;
    assert.match(await sendRaw(url, long), /^HTTP\/1\.1 431 .*headers_too_large/s);
  });

  for (const stream of [true, false]) {
    test(`cancel when the client leaves ${stream ? 'a stream' : 'before the answer'}`, async (t) => {
      const { engine, post } = await open(t, { answer: endless });
      const leaving = new AbortController();
      const answer = post(
        '/v1/completions',
        { ...completion, max_tokens: 1e6, n: 2, stream },
        { signal: leaving.signal },
      );
      await engine.until(() => engine.runningCount === 1);
      if (stream) await (await answer).body?.getReader().read();
      leaving.abort();
      await answer.catch(() => undefined);
      await engine.until(() => engine.runningCount === 0);
      assert.equal(engine.cancelledCount, 1);
    });
  }

  test('write no further than a slow reader reads', async (t) => {
    let pieces = 0;
    const { engine, url } = await open(t, {
      *answer() {
        for (;;) {
          pieces++;
          yield 'x'.repeat(10_000);
        }
      },
    });
    const request = httpRequest(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    const paused = new Promise<void>((resolve) => {
      request.on('response', (response) => {
        response.pause();
        resolve();
      });
    });
    request.on('error', () => undefined);
    request.end(JSON.stringify({ ...completion, max_tokens: 1e6, stream: true }));
    await paused;
    let before = -1;
    // Goes on until the sockets are full: then a hundred turns of the loop bring no further piece.
    while (before !== pieces) {
      before = pieces;
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(pieces < 5000, `${pieces} pieces were written`);
    request.destroy();
    await engine.until(() => engine.runningCount === 0);
    assert.equal(engine.cancelledCount, 1);
  });

  test('are served on a Unix socket', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-'));
    t.after(() => rm(folder, { recursive: true }));
    const socketPath = join(folder, 'engine.sock');
    const server = await serveEngine({ engine: new FakeEngine(), listen: { path: socketPath } });
    t.after(() => server[Symbol.asyncDispose]());
    const status = await new Promise((resolve) => {
      httpRequest({ socketPath, path: '/health' }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    assert.equal(status, 200);
  });

  test('end after their running requests when the server closes', async (t) => {
    const engine = new FakeEngine({ answer: () => ['a', 'b'] });
    const server = await serveEngine({ engine, listen: { host: '127.0.0.1', port: 0 } });
    t.after(() => server[Symbol.asyncDispose]());
    assert.ok('port' in server.address);
    const answer = fetch(`http://127.0.0.1:${server.address.port}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(completion),
    });
    await engine.until(() => engine.runningCount === 1);
    const closed = server.close();
    assert.equal((await answer).status, 200);
    await closed;
  });

  test('name what is wrong with options and address', async () => {
    const engine = new FakeEngine();
    const listen = { host: '127.0.0.1', port: 0 };
    await assert.rejects(serveEngine({ engine, listen, bodyBytesMax: 1, keepAliveMs: 0 }), {
      code: 'ENGINE_OPTION_INVALID',
      message: /bodyBytesMax is 1.*keepAliveMs is 0/,
    });
    await assert.rejects(serveEngine({ engine, listen: { path: '/nonexistent/x/y.sock' } }), {
      code: 'ENGINE_LISTEN_FAILED',
    });
  });
});
