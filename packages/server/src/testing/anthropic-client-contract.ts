import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic, {
  APIConnectionTimeoutError,
  APIUserAbortError,
  BadRequestError,
  NotFoundError,
} from '@anthropic-ai/sdk';
import type { OpenServer } from './server-under-test.ts';

interface World {
  readonly client: Anthropic;
  readonly model: string;
}

type Check = (title: string, run: (world: World) => Promise<void>) => void;

/** An extension of engines: an answer that goes on for longer than any test. */
const unending = { max_tokens: 1500, ...{ ignore_eos: true } };
/** The client's types leave it out; the API takes it. */
const coldest = { temperature: 0 };
const messages: Anthropic.MessageParam[] = [
  { role: 'user', content: 'Say a few words about a river.' },
];
const weather: Anthropic.Tool = {
  name: 'get_weather',
  description: 'Tells the weather of a city.',
  input_schema: {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 16 } },
    required: ['city'],
    additionalProperties: false,
  },
};

/** What the official client of Anthropic must be able to do with a server. */
export function testAnthropicClient(open: OpenServer): void {
  const check: Check = (title, run) => {
    test(title, async (t) => {
      const server = await open(t);
      if (server === undefined) return;
      const client = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
      const listed = await fetch(`${server.url}/v1/models`);
      const { data } = (await listed.json()) as {
        readonly data: readonly { readonly id: string }[];
      };
      assert.ok(data[0] !== undefined, 'a model is served');
      await run({ client, model: data[0].id });
    });
  };
  testAnswers(check);
  testTools(check);
  testFailures(check);
}

function testAnswers(check: Check): void {
  check('answers with usage and a request id', async ({ client, model }) => {
    const answer = await client.messages.create({
      model,
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      messages,
      max_tokens: 8,
      ...coldest,
      metadata: { user_id: 'somebody' },
    });
    assert.equal(answer.type, 'message');
    assert.equal(answer.role, 'assistant');
    assert.equal(answer.model, model);
    assert.match(answer._request_id ?? '', /^req_/);
    const [block] = answer.content;
    assert.ok(block?.type === 'text' && block.text.length > 0);
    assert.ok(['end_turn', 'max_tokens'].includes(answer.stop_reason ?? ''));
    const { usage } = answer;
    assert.ok(usage.input_tokens + (usage.cache_read_input_tokens ?? 0) > 0);
    assert.ok(usage.output_tokens > 0 && usage.output_tokens <= 8);
  });

  check('streams the text and the usage of the whole answer', async ({ client, model }) => {
    const body = { model, messages, ...coldest, max_tokens: 12 };
    const whole = await client.messages.create(body);
    const stream = client.messages.stream(body);
    let text = '';
    stream.on('text', (piece) => (text += piece));
    const final = await stream.finalMessage();
    assert.deepEqual(final.content, whole.content);
    assert.equal(final.stop_reason, whole.stop_reason);
    assert.equal(final.usage.output_tokens, whole.usage.output_tokens);
    const inputs = [whole, final].map(
      ({ usage }) => usage.input_tokens + (usage.cache_read_input_tokens ?? 0),
    );
    assert.equal(inputs[0], inputs[1]);
    assert.ok(text.length > 0);
  });

  check('streams the events of the API in their order', async ({ client, model }) => {
    const types: string[] = [];
    for await (const event of await client.messages.create({
      model,
      messages,
      max_tokens: 3,
      stream: true,
    }))
      if (types.at(-1) !== event.type) types.push(event.type);
    const named = types.filter((type) => type !== 'ping');
    assert.deepEqual(named, [
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  check(
    'counts the tokens that an answer then says it was asked with',
    async ({ client, model }) => {
      for (const more of [{}, { system: 'Be brief.' }, { tools: [weather] }]) {
        const { input_tokens: counted } = await client.messages.countTokens({
          model,
          messages,
          ...more,
        });
        const { usage } = await client.messages.create({ model, messages, max_tokens: 1, ...more });
        assert.equal(counted, usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
      }
    },
  );

  check('follows a JSON schema', async ({ client, model }) => {
    const answer = await client.messages.create({
      model,
      messages: [{ role: 'user', content: 'Name a city as JSON.' }],
      max_tokens: 64,
      output_config: { format: { type: 'json_schema', schema: weather.input_schema } },
    });
    const [block] = answer.content;
    assert.ok(block?.type === 'text');
    assert.equal(typeof (JSON.parse(block.text) as { readonly city: unknown }).city, 'string');
  });
}

function testTools(check: Check): void {
  const question: Anthropic.MessageParam = {
    role: 'user',
    content: 'What is the weather in Bern?',
  };
  const asked = {
    messages: [question],
    max_tokens: 128,
    tools: [weather],
    tool_choice: { type: 'any', disable_parallel_tool_use: true } as const,
  };

  check('calls a required tool and takes its result', async ({ client, model }) => {
    const answer = await client.messages.create({ model, ...asked });
    assert.equal(answer.stop_reason, 'tool_use');
    const call = answer.content.find((block) => block.type === 'tool_use');
    assert.ok(call !== undefined);
    assert.equal(call.name, 'get_weather');
    assert.equal(typeof (call.input as { readonly city: unknown }).city, 'string');
    const next = await client.messages.create({
      model,
      max_tokens: 8,
      tools: [weather],
      tool_choice: { type: 'none' },
      messages: [
        question,
        { role: 'assistant', content: answer.content },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: call.id,
              content: [{ type: 'text', text: 'sunny' }],
            },
          ],
        },
      ],
    });
    assert.ok(next.content.every(({ type }) => type === 'text'));
  });

  check('streams the call of a named tool', async ({ client, model }) => {
    const stream = client.messages.stream({
      model,
      ...asked,
      tool_choice: { type: 'tool', name: 'get_weather' },
    });
    let written = '';
    stream.on('inputJson', (piece) => (written += piece));
    const final = await stream.finalMessage();
    assert.equal(final.stop_reason, 'tool_use');
    const call = final.content.find((block) => block.type === 'tool_use');
    assert.deepEqual(call?.input, JSON.parse(written));
  });
}

function testFailures(check: Check): void {
  check('raises typed errors that name the field', async ({ client, model }) => {
    const body = { model, messages, max_tokens: 4 };
    await assert.rejects(client.messages.create({ ...body, ...{ temperature: 3 } }), (error) => {
      assert.ok(error instanceof BadRequestError);
      assert.equal(error.type, 'invalid_request_error');
      assert.match(error.message, /'temperature' is 3.*0 to 1/);
      assert.match(error.requestID ?? '', /^req_/);
      return true;
    });
    await assert.rejects(
      client.messages.create({ ...body, ...{ no_such_field: 1 } }),
      (error) => error instanceof BadRequestError && /no_such_field/.test(error.message),
    );
    await assert.rejects(
      client.messages.create({ ...body, model: 'no-such-model' }),
      (error) => error instanceof NotFoundError && error.type === 'not_found_error',
    );
    await assert.rejects(
      client.messages.create({
        ...body,
        messages: [{ role: 'user', content: 'word '.repeat(50_000) }],
      }),
      (error) => error instanceof BadRequestError && /tokens/.test(error.message),
    );
    await assert.rejects(client.messages.batches.list(), NotFoundError);
  });

  check('lets a client break off a stream and go on', async ({ client, model }) => {
    const stream = client.messages.stream({ model, messages, ...unending });
    let pieceCount = 0;
    stream.on('text', () => {
      pieceCount++;
      if (pieceCount === 3) stream.abort();
    });
    await assert.rejects(stream.finalMessage(), APIUserAbortError);
    const next = await client.messages.create({ model, messages, max_tokens: 1 });
    assert.equal(next.type, 'message');
  });

  check('lets a client leave before the answer', async ({ client, model }) => {
    const leaving = new AbortController();
    const answer = client.messages.create(
      { model, messages, ...unending },
      { signal: leaving.signal },
    );
    setTimeout(() => leaving.abort(), 50);
    await assert.rejects(answer, APIUserAbortError);
    const late = client.messages.create({ model, messages, ...unending }, { timeout: 50 });
    await assert.rejects(late, APIConnectionTimeoutError);
  });
}
