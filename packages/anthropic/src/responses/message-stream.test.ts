import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerUnreadableError } from '../errors.ts';
import { MessageStream } from './message-stream.ts';

const head = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'smol' };
const usage = {
  prompt_tokens: 10,
  completion_tokens: 4,
  prompt_tokens_details: { cached_tokens: 8 },
};

function chunk(delta: object, choice: object = {}): string {
  return JSON.stringify({
    ...head,
    choices: [{ index: 0, delta, finish_reason: null, ...choice }],
  });
}

const last = JSON.stringify({ ...head, choices: [], usage });

interface SentEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

function eventsOf(text: string): readonly SentEvent[] {
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => {
      const [, type, data] = /^event: (.+)\ndata: (.+)$/.exec(event) ?? [];
      assert.ok(type !== undefined && data !== undefined, event);
      const parsed = JSON.parse(data) as SentEvent['data'];
      assert.equal(parsed['type'], type);
      return { type, data: parsed };
    });
}

function translated(...data: readonly string[]): readonly SentEvent[] {
  const stream = new MessageStream();
  const text = data.map((each) => stream.push(each)).join('');
  assert.ok(stream.isOver);
  return eventsOf(text);
}

function blockEvents(events: readonly SentEvent[]): readonly string[] {
  return events.slice(2, -2).map(({ data }) => {
    const { index, content_block: block, delta } = data;
    return `${String(index)} ${JSON.stringify(block ?? delta ?? 'stop')}`;
  });
}

test('text is one block between the start and the end of a message', () => {
  const events = translated(
    chunk({ role: 'assistant', content: '' }),
    chunk({ content: 'Hi' }),
    chunk({ content: '!' }),
    chunk({}, { finish_reason: 'stop' }),
    last,
    '[DONE]',
  );
  assert.deepEqual(
    events.map(({ type }) => type),
    [
      'message_start',
      'ping',
      'content_block_start',
      'content_block_delta',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ],
  );
  assert.deepEqual(events[0]?.data['message'], {
    id: 'msg_c1',
    type: 'message',
    role: 'assistant',
    model: 'smol',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: 0,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 0,
    },
  });
  assert.deepEqual(blockEvents(events), [
    '0 {"type":"text","text":""}',
    '0 {"type":"text_delta","text":"Hi"}',
    '0 {"type":"text_delta","text":"!"}',
    '0 "stop"',
  ]);
  assert.deepEqual(events.at(-2)?.data, {
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: {
      input_tokens: 2,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 8,
      output_tokens: 4,
    },
  });
});

test('thinking, text and calls of tools are blocks of their own, one after another', () => {
  const call = (index: number, more: object): object => ({ tool_calls: [{ index, ...more }] });
  const events = translated(
    chunk({ reasoning: 'Hm' }),
    chunk({ reasoning_content: '.', content: 'So:' }),
    chunk(call(0, { id: 'a', function: { name: 'f', arguments: '' } })),
    chunk(call(0, { function: { arguments: '{"x":' } })),
    chunk(call(0, { function: { arguments: '1}' } })),
    chunk(call(1, { function: { name: 'g', arguments: '{}' } })),
    chunk({}, { finish_reason: 'tool_calls' }),
    last,
    '[DONE]',
  );
  assert.deepEqual(blockEvents(events), [
    '0 {"type":"thinking","thinking":"","signature":""}',
    '0 {"type":"thinking_delta","thinking":"Hm"}',
    '0 {"type":"thinking_delta","thinking":"."}',
    '0 "stop"',
    '1 {"type":"text","text":""}',
    '1 {"type":"text_delta","text":"So:"}',
    '1 "stop"',
    '2 {"type":"tool_use","id":"a","name":"f","input":{}}',
    '2 {"type":"input_json_delta","partial_json":"{\\"x\\":"}',
    '2 {"type":"input_json_delta","partial_json":"1}"}',
    '2 "stop"',
    '3 {"type":"tool_use","id":"toolu_c1_1","name":"g","input":{}}',
    '3 {"type":"input_json_delta","partial_json":"{}"}',
    '3 "stop"',
  ]);
  assert.deepEqual(events.at(-2)?.data['delta'], { stop_reason: 'tool_use', stop_sequence: null });
});

test('usage that comes early is told at once, and a stop string at the end', () => {
  const first = JSON.stringify({ ...head, choices: [{ index: 0, delta: {} }], usage });
  const events = translated(
    first,
    chunk({}, { finish_reason: 'stop', stop_reason: 'END' }),
    '[DONE]',
  );
  const message = events[0]?.data['message'] as {
    readonly usage: { readonly input_tokens: number };
  };
  assert.equal(message.usage.input_tokens, 2);
  assert.deepEqual(events.at(-2)?.data['delta'], {
    stop_reason: 'stop_sequence',
    stop_sequence: 'END',
  });
});

test('an engine that fails in the middle is told of by the last event', () => {
  const stream = new MessageStream();
  stream.push(chunk({ content: 'a' }));
  const [failure] = eventsOf(stream.push('{"error":{"message":"out of memory"}}'));
  assert.deepEqual(failure?.data['error'], { type: 'api_error', message: 'out of memory' });
  assert.ok(stream.isOver);
  assert.equal(stream.push(chunk({ content: 'b' })) + stream.end(), '');
});

test('a stream that is not what the API promises is a fault that says where', () => {
  const faults: readonly (readonly [readonly string[], RegExp])[] = [
    [['nonsense'], /is no JSON/],
    [[chunk({ content: 7 })], /delta\.content is 7/],
    [[chunk({ content: 'a' }), '[DONE]'], /without a finish_reason/],
    [[chunk({}, { finish_reason: 'stop' }), '[DONE]'], /without usage/],
    [[chunk({ tool_calls: [{ index: 0, function: {} }] })], /index 0 begins without a name/],
    [
      [
        chunk({ tool_calls: [{ index: 1, function: { name: 'f' } }] }),
        chunk({ tool_calls: [{ index: 0, function: { arguments: '{' } }] }),
      ],
      /index 0 goes on after another began/,
    ],
  ];
  for (const [data, message] of faults) {
    const stream = new MessageStream();
    assert.throws(
      () => data.forEach((each) => stream.push(each)),
      (error) => error instanceof AnswerUnreadableError && message.test(error.message),
    );
  }
});
