import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SseReader } from '../answers/sse-reader.ts';
import { chatOfResponse, type ResponseEcho } from './chat-of-response.ts';
import { responseOfChat } from './response-of-chat.ts';
import { ResponseStream } from './response-stream.ts';

type Event = Readonly<Record<string, unknown>> & { readonly type: string };

const head = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };
const usage = {
  prompt_tokens: 9,
  completion_tokens: 3,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 1 },
};

function echoOf(): ResponseEcho {
  const parsed = chatOfResponse({ model: 'm', input: 'x' });
  assert.ok(parsed.kind === 'parsed');
  return parsed.request.echo;
}

function chunk(delta: object, choice: object = {}): object {
  return { ...head, choices: [{ index: 0, delta, finish_reason: null, ...choice }] };
}

function sse(events: readonly object[]): string {
  return [...events.map((event) => JSON.stringify(event)), '[DONE]']
    .map((data) => `data: ${data}\n\n`)
    .join('');
}

/** Feeds a stream in pieces of so many bytes. */
function translated(events: string, byteCount = events.length): readonly Event[] {
  const bytes = Buffer.from(events);
  const reader = new SseReader();
  const stream = new ResponseStream(echoOf());
  let text = '';
  for (let at = 0; at < bytes.length; at += byteCount)
    for (const data of reader.push(bytes.subarray(at, at + byteCount))) text += stream.push(data);
  assert.ok(stream.isOver);
  return eventsOf(text);
}

function eventsOf(text: string): readonly Event[] {
  return new SseReader().push(Buffer.from(text)).map((data) => JSON.parse(data) as Event);
}

test('text and a call are told by the events of the API, in their order', () => {
  const events = translated(
    sse([
      chunk({ role: 'assistant', content: '' }),
      chunk({ reasoning: 'Hm.' }),
      chunk({ content: 'Hi' }),
      chunk({ content: '!' }),
      chunk({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'f', arguments: '' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: '{}' } }] }),
      chunk({}, { finish_reason: 'tool_calls' }),
      { ...head, choices: [], usage },
    ]),
  );
  assert.deepEqual(
    events.map(({ type }) => type.replace('response.', '')),
    [
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      'reasoning_text.delta',
      'reasoning_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ],
  );
  assert.deepEqual(
    events.map((event) => event['sequence_number']),
    events.map((_, index) => index),
  );
  const { response } = events.at(-1) as Event & {
    readonly response: Readonly<Record<string, unknown>>;
  };
  assert.equal(response['id'], 'resp_c');
  assert.equal(response['status'], 'completed');
  assert.deepEqual(response['usage'], {
    input_tokens: 9,
    input_tokens_details: { cached_tokens: 4 },
    output_tokens: 3,
    output_tokens_details: { reasoning_tokens: 1 },
    total_tokens: 12,
  });
});

test('an answer that was cut off is incomplete and says why', () => {
  const events = translated(
    sse([chunk({ content: 'Hi' }), { ...chunk({}, { finish_reason: 'length' }), usage }]),
  );
  const last = events.at(-1) as Event & { readonly response: Readonly<Record<string, unknown>> };
  assert.equal(last.type, 'response.incomplete');
  assert.deepEqual(last.response['incomplete_details'], { reason: 'max_output_tokens' });
  assert.deepEqual(
    (last.response['output'] as readonly { readonly status: string }[]).map(({ status }) => status),
    ['incomplete'],
  );
});

test('a failure is told as the response’s when it has begun, and alone when it has not', () => {
  const begun = new ResponseStream(echoOf());
  begun.push(JSON.stringify(chunk({ content: 'Hi' })));
  const failed = eventsOf(begun.push('{"error":{"message":"out of memory"}}')).at(-1);
  assert.equal(failed?.type, 'response.failed');
  const { response } = failed as { readonly response?: { readonly error: unknown } };
  assert.deepEqual(response?.error, { code: 'server_error', message: 'out of memory' });
  const waiting = new ResponseStream(echoOf());
  const [error] = eventsOf(waiting.fail({ status: 502, message: 'It died.' }));
  assert.deepEqual(error, {
    type: 'error',
    sequence_number: 0,
    code: 'backend_failed',
    message: 'It died.',
    param: null,
  });
});

const text = fc.string({ unit: 'binary' }).map((each) => Buffer.from(each).toString());
const answer = fc.record({
  reasoning: text,
  content: text,
  refusal: text,
  calls: fc.array(
    fc.record({
      id: fc.string({ minLength: 1 }),
      name: fc.string({ minLength: 1 }),
      written: text,
    }),
    { maxLength: 3 },
  ),
  finish: fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter'),
});

/** Cuts a text into pieces of so many characters. */
function pieces(whole: string, length: number): readonly string[] {
  const characters = Array.from(whole);
  const count = Math.ceil(characters.length / length);
  return Array.from({ length: count }, (_, at) =>
    characters.slice(at * length, (at + 1) * length).join(''),
  );
}

test('a stream, cut anyhow in events and bytes, ends with the whole answer, and its deltas add up to it', () => {
  const lengths = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(answer, lengths, fc.integer({ min: 1, max: 40 }), (given, length, byteCount) => {
      const events = translated(
        sse([
          ...pieces(given.reasoning, length).map((reasoning) => chunk({ reasoning })),
          ...pieces(given.content, length).map((content) => chunk({ content })),
          ...pieces(given.refusal, length).map((refusal) => chunk({ refusal })),
          ...given.calls.flatMap(({ id, name, written }, index) => [
            chunk({ tool_calls: [{ index, id, function: { name } }] }),
            ...pieces(written, length).map((fragment) =>
              chunk({ tool_calls: [{ index, function: { arguments: fragment } }] }),
            ),
          ]),
          { ...chunk({}, { finish_reason: given.finish }), usage },
        ]),
        byteCount,
      );
      const { reasoning, content, refusal } = given;
      const tool_calls = given.calls.map(({ id, name, written }) => ({
        id,
        function: { name, arguments: written },
      }));
      const message = { reasoning, content, refusal, tool_calls };
      const choices = [{ message, finish_reason: given.finish }];
      const whole = responseOfChat({ ...head, choices, usage }, echoOf());
      assert.deepEqual(events.at(-1)?.['response'], JSON.parse(JSON.stringify(whole)));
      const said = events
        .filter(({ type }) => type.endsWith('.delta'))
        .map((event) => String(event['delta']))
        .join('');
      const written = given.calls.map((call) => call.written).join('');
      assert.equal(said, reasoning + content + refusal + written);
    }),
  );
});
