import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError } from 'openai';
import type { OpenServer } from './server-under-test.ts';

interface World {
  readonly client: OpenAI;
  readonly model: string;
}

type Check = (title: string, run: (world: World) => Promise<void>) => void;

const input = 'Say a few words about a river.';
const parameters = {
  type: 'object',
  properties: { city: { type: 'string', maxLength: 16 } },
  required: ['city'],
  additionalProperties: false,
} as const;
const weather = {
  type: 'function',
  name: 'get_weather',
  description: 'Tells the weather of a city.',
  parameters,
  strict: true,
} as const;

/** What the official client of OpenAI must be able to do with the Responses API of a server. */
export function testResponsesClient(open: OpenServer): void {
  const check: Check = (title, run) => {
    test(title, async (t) => {
      const server = await open(t);
      if (server === undefined) return;
      const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
      const [served] = (await client.models.list()).data;
      assert.ok(served !== undefined, 'a model is served');
      await run({ client, model: served.id });
    });
  };
  testAnswers(check);
  testTools(check);
  testFailures(check);
}

function testAnswers(check: Check): void {
  check('responds with usage', async ({ client, model }) => {
    const response = await client.responses.create({
      model,
      input,
      instructions: 'Be brief.',
      max_output_tokens: 8,
      store: false,
      metadata: { asked: 'here' },
    });
    assert.match(response.id, /^resp_/);
    assert.ok(response.output_text.length > 0);
    assert.ok(['completed', 'incomplete'].includes(response.status ?? ''));
    assert.deepEqual(response.metadata, { asked: 'here' });
    const { usage } = response;
    assert.ok(usage !== undefined && usage.input_tokens > 0 && usage.output_tokens <= 8);
    assert.equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
  });

  check('streams into the client’s own accumulator', async ({ client, model }) => {
    const body = { model, input, temperature: 0, max_output_tokens: 12 };
    const whole = await client.responses.create(body);
    const stream = client.responses.stream(body);
    let text = '';
    stream.on('response.output_text.delta', ({ delta }) => (text += delta));
    const final = await stream.finalResponse();
    assert.equal(final.output_text, whole.output_text);
    assert.equal(text, whole.output_text);
    assert.equal(final.status, whole.status);
    assert.equal(final.usage?.output_tokens, whole.usage?.output_tokens);
  });

  check('numbers the events of a stream', async ({ client, model }) => {
    const numbers: number[] = [];
    const types: string[] = [];
    const body = { model, input, max_output_tokens: 3, stream: true } as const;
    for await (const event of await client.responses.create(body)) {
      numbers.push(event.sequence_number);
      if (types.at(-1) !== event.type) types.push(event.type);
    }
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index),
    );
    assert.deepEqual(types.slice(0, -1), [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
    ]);
    assert.match(types.at(-1) ?? '', /^response\.(completed|incomplete)$/);
  });

  check('tells the probabilities of tokens where they are asked for', async ({ client, model }) => {
    const response = await client.responses.create({
      model,
      input,
      max_output_tokens: 4,
      top_logprobs: 2,
      include: ['message.output_text.logprobs'],
    });
    const [item] = response.output;
    assert.ok(item?.type === 'message');
    const [part] = item.content;
    assert.ok(part?.type === 'output_text');
    assert.ok((part.logprobs ?? []).length > 0);
  });

  check('follows a JSON schema', async ({ client, model }) => {
    const response = await client.responses.create({
      model,
      input: 'Name a city as JSON.',
      max_output_tokens: 64,
      text: { format: { type: 'json_schema', name: 'city', schema: parameters, strict: true } },
    });
    const parsed = JSON.parse(response.output_text) as { readonly city: unknown };
    assert.equal(typeof parsed.city, 'string');
  });
}

function testTools(check: Check): void {
  const question = { role: 'user', content: 'What is the weather in Bern?' } as const;

  check('calls a required function and takes its result', async ({ client, model }) => {
    const response = await client.responses.create({
      model,
      input: [question],
      max_output_tokens: 128,
      tools: [weather],
      tool_choice: 'required',
      parallel_tool_calls: false,
    });
    const call = response.output.find((item) => item.type === 'function_call');
    assert.ok(call !== undefined);
    assert.equal(typeof (JSON.parse(call.arguments) as { city: unknown }).city, 'string');
    const next = await client.responses.create({
      model,
      input: [
        question,
        ...(response.output as OpenAI.Responses.ResponseInputItem[]),
        { type: 'function_call_output', call_id: call.call_id, output: 'sunny' },
      ],
      max_output_tokens: 8,
      tools: [weather],
      tool_choice: 'none',
    });
    assert.ok(next.output.every(({ type }) => type === 'message'));
  });

  check('streams the call of a named function', async ({ client, model }) => {
    const stream = client.responses.stream({
      model,
      input: [question],
      max_output_tokens: 128,
      tools: [weather],
      tool_choice: { type: 'function', name: 'get_weather' },
    });
    let written = '';
    stream.on('response.function_call_arguments.delta', ({ delta }) => (written += delta));
    const final = await stream.finalResponse();
    const call = final.output.find((item) => item.type === 'function_call');
    assert.equal(call?.name, 'get_weather');
    assert.equal(call.arguments, written);
    assert.ok('city' in (JSON.parse(written) as object));
  });
}

function testFailures(check: Check): void {
  check('refuses by name what it cannot do', async ({ client, model }) => {
    const refused: readonly (readonly [object, string])[] = [
      [{ store: true }, 'store'],
      [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
      [{ background: true }, 'background'],
      [{ temperature: 3 }, 'temperature'],
      [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    ];
    for (const [more, param] of refused) {
      await assert.rejects(
        client.responses.create({ model, input, ...more }),
        (error) => error instanceof BadRequestError && error.param === param,
      );
    }
    await assert.rejects(client.responses.create({ model: 'no-such-model', input }), NotFoundError);
    await assert.rejects(client.responses.retrieve('resp_1'), NotFoundError);
  });

  check('lets a client break off a stream and go on', async ({ client, model }) => {
    const unending = { max_output_tokens: 1500, ...{ ignore_eos: true } };
    const leaving = new AbortController();
    const body = { model, input, ...unending, stream: true } as const;
    const stream = await client.responses.create(body, { signal: leaving.signal });
    let deltaCount = 0;
    for await (const { type } of stream) {
      if (type === 'response.output_text.delta') deltaCount++;
      if (deltaCount === 3) leaving.abort();
    }
    assert.ok(deltaCount >= 3);
    const next = await client.responses.create({ model, input, max_output_tokens: 1 });
    assert.equal(next.object, 'response');
    const late = client.responses.create(
      { model, input, ...unending },
      { signal: AbortSignal.timeout(50) },
    );
    await assert.rejects(late, APIUserAbortError);
  });
}
