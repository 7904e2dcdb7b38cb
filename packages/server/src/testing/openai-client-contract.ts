import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, {
  APIConnectionTimeoutError,
  APIUserAbortError,
  BadRequestError,
  NotFoundError,
} from 'openai';
import type { OpenServer } from './server-under-test.ts';

interface World {
  readonly client: OpenAI;
  readonly model: string;
}

/** Makes an answer that goes on for longer than any test. */
const unending = { max_tokens: 1500, ignore_eos: true };
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Tells the weather of a city.',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 16 } },
      required: ['city'],
      additionalProperties: false,
    },
  },
} as const;

const messages = [{ role: 'user', content: 'Say a few words about a river.' }] as const;

/** What the official client of OpenAI must be able to do with a server. */
export function testOpenAiClient(open: OpenServer): void {
  const check = (title: string, run: (world: World) => Promise<void>): void => {
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
  testForms(check);
  testFailures(check);
}

type Check = (title: string, run: (world: World) => Promise<void>) => void;

function testAnswers(check: Check): void {
  check('lists and finds models', async ({ client, model }) => {
    assert.equal((await client.models.retrieve(model)).id, model);
    await assert.rejects(client.models.retrieve('no-such-model'), NotFoundError);
  });

  check('answers a chat with usage and a request id', async ({ client, model }) => {
    const { data, request_id } = await client.chat.completions
      .create({ model, messages: [...messages], max_completion_tokens: 8 })
      .withResponse();
    assert.ok(request_id !== null && request_id.length > 0);
    assert.equal(data.choices[0]?.message.role, 'assistant');
    assert.ok((data.choices[0].message.content ?? '').length > 0);
    const { usage } = data;
    assert.ok(usage !== undefined && usage.prompt_tokens > 0);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    assert.ok(usage.completion_tokens <= 8);
  });

  check('counts cached tokens when a prompt comes again', async ({ client, model }) => {
    const content = 'The river runs past the mill. '.repeat(20);
    const body = { model, messages: [{ role: 'user', content }], max_tokens: 2 } as const;
    await client.chat.completions.create({ ...body, messages: [...body.messages] });
    const again = await client.chat.completions.create({ ...body, messages: [...body.messages] });
    const { usage } = again;
    const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
    assert.ok(cached > 0 && cached < (usage?.prompt_tokens ?? 0), `${cached} tokens were cached`);
  });

  check('streams the text of the whole answer', async ({ client, model }) => {
    const body = { model, messages: [...messages], temperature: 0, max_tokens: 12 };
    const whole = await client.chat.completions.create(body);
    const stream = await client.chat.completions.create({
      ...body,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage;
    }
    assert.equal(text, whole.choices[0]?.message.content);
    assert.equal(usage?.completion_tokens, whole.usage?.completion_tokens);
  });

  check('streams into the client’s own accumulator', async ({ client, model }) => {
    const stream = client.chat.completions.stream({
      model,
      messages: [...messages],
      max_tokens: 6,
    });
    const final = await stream.finalChatCompletion();
    assert.ok((final.choices[0]?.message.content ?? '').length > 0);
    assert.ok(['stop', 'length'].includes(final.choices[0]?.finish_reason ?? ''));
  });

  check('gives several choices, stop strings and probabilities', async ({ client, model }) => {
    const answer = await client.chat.completions.create({
      model,
      messages: [...messages],
      n: 2,
      max_tokens: 6,
      stop: ['\n\n'],
      logprobs: true,
      top_logprobs: 2,
    });
    assert.deepEqual(
      answer.choices.map(({ index }) => index),
      [0, 1],
    );
    const content = answer.choices[0]?.logprobs?.content ?? [];
    assert.ok(content.length > 0 && content.every(({ top_logprobs }) => top_logprobs.length === 2));
    assert.ok(content.every(({ logprob }) => logprob <= 0));
  });

  check('completes several texts, echoed and streamed', async ({ client, model }) => {
    const body = { model, prompt: ['The sky is', 'One two'], max_tokens: 4, echo: true };
    const { choices } = await client.completions.create(body);
    assert.ok(choices[0]?.text.startsWith('The sky is'));
    assert.ok(choices[1]?.text.startsWith('One two'));
    const texts = ['', ''];
    for await (const chunk of await client.completions.create({ ...body, stream: true })) {
      for (const { index, text } of chunk.choices) texts[index] = `${texts[index]}${text}`;
    }
    assert.ok(texts[0]?.startsWith('The sky is') && texts[1]?.startsWith('One two'));
  });

  check('embeds, in base64 as in numbers', async ({ client, model }) => {
    const body = { model, input: ['a river', 'a mill'] };
    const coded = await client.embeddings.create(body);
    const plain = await client.embeddings.create({ ...body, encoding_format: 'float' });
    assert.equal(coded.data.length, 2);
    const pairs = coded.data[1]?.embedding.map((value, at) => [
      value,
      plain.data[1]?.embedding[at],
    ]);
    for (const [one = 0, other = 1] of pairs ?? [[]]) assert.ok(Math.abs(one - other) < 1e-5);
  });
}

function testForms(check: Check): void {
  check('follows a JSON schema', async ({ client, model }) => {
    const { schema } = { schema: weather.function.parameters };
    const answer = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'Name a city as JSON.' }],
      max_tokens: 64,
      response_format: { type: 'json_schema', json_schema: { name: 'city', schema, strict: true } },
    });
    const [choice] = answer.choices;
    assert.equal(choice?.finish_reason, 'stop');
    const parsed = JSON.parse(choice.message.content ?? '') as { readonly city: unknown };
    assert.equal(typeof parsed.city, 'string');
  });

  check('calls a required tool and takes its result', async ({ client, model }) => {
    const question = { role: 'user', content: 'What is the weather in Bern?' } as const;
    const answer = await client.chat.completions.create({
      model,
      messages: [question],
      max_tokens: 128,
      tools: [weather],
      tool_choice: 'required',
      parallel_tool_calls: false,
    });
    const [choice] = answer.choices;
    assert.equal(choice?.finish_reason, 'tool_calls');
    const [call] = choice.message.tool_calls ?? [];
    assert.ok(call?.type === 'function');
    assert.equal(call.function.name, 'get_weather');
    assert.equal(typeof (JSON.parse(call.function.arguments) as { city: unknown }).city, 'string');
    const result = { role: 'tool', tool_call_id: call.id, content: 'sunny' } as const;
    const next = await client.chat.completions.create({
      model,
      messages: [question, choice.message, result],
      max_tokens: 8,
      tools: [weather],
      tool_choice: 'none',
    });
    assert.equal(next.choices[0]?.message.tool_calls, undefined);
  });

  check('streams the call of a named tool', async ({ client, model }) => {
    const stream = client.chat.completions.stream({
      model,
      messages: [{ role: 'user', content: 'What is the weather in Bern?' }],
      max_tokens: 128,
      tools: [weather],
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
    });
    const { choices } = await stream.finalChatCompletion();
    const [call] = choices[0]?.message.tool_calls ?? [];
    assert.ok(call?.type === 'function');
    assert.match(call.id, /^call_/);
    assert.ok('city' in (JSON.parse(call.function.arguments) as object));
  });
}

function testFailures(check: Check): void {
  check('raises typed errors that name the field', async ({ client, model }) => {
    const chat = { model, messages: [...messages] };
    await assert.rejects(client.chat.completions.create({ ...chat, temperature: 3 }), (error) => {
      assert.ok(error instanceof BadRequestError);
      assert.equal(error.param, 'temperature');
      assert.equal(error.code, 'invalid_value');
      assert.match(error.message, /'temperature' is 3.*0 to 2/);
      assert.ok((error.requestID ?? '').length > 0);
      return true;
    });
    await assert.rejects(
      client.chat.completions.create({ ...chat, ...{ no_such_field: 1 } }),
      (error) => error instanceof BadRequestError && error.code === 'unknown_parameter',
    );
    await assert.rejects(
      client.chat.completions.create({ ...chat, model: 'no-such-model' }),
      (error) => error instanceof NotFoundError && error.code === 'model_not_found',
    );
    await assert.rejects(
      client.completions.create({ model, prompt: 'word '.repeat(50_000) }),
      (error) => error instanceof BadRequestError && error.code === 'context_length_exceeded',
    );
  });

  check('lets a client break off a stream and go on', async ({ client, model }) => {
    const body = { model, messages: [...messages], ...unending };
    const stream = await client.chat.completions.create({ ...body, stream: true });
    let chunkCount = 0;
    for await (const _ of stream) {
      chunkCount++;
      if (chunkCount === 4) stream.controller.abort();
    }
    assert.ok(chunkCount >= 4);
    const next = await client.completions.create({ model, prompt: 'a', max_tokens: 1 });
    assert.equal(next.choices.length, 1);
  });

  check('lets a client break off before the answer', async ({ client, model }) => {
    const leaving = new AbortController();
    const body = { model, messages: [...messages], ...unending };
    const answer = client.chat.completions.create(body, { signal: leaving.signal });
    setTimeout(() => leaving.abort(), 50);
    await assert.rejects(answer, APIUserAbortError);
  });

  check('bears a client that gives up by its own timeout', async ({ client, model }) => {
    const body = { model, messages: [...messages], ...unending };
    const answer = client.chat.completions.create(body, { timeout: 50 });
    await assert.rejects(answer, APIConnectionTimeoutError);
    assert.ok((await client.models.list()).data.length > 0);
  });

  check('ends a request at its deadline', async ({ client, model }) => {
    const body = { model, messages: [...messages], ...unending, deadline_ms: 1 };
    await assert.rejects(client.chat.completions.create(body), { status: 504 });
  });
}
