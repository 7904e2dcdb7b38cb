import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerUnreadableError } from '../errors.ts';
import { messageOfChat } from './message-of-chat.ts';

const usage = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 };

function completion(message: object, choice: object = {}, rest: object = {}): object {
  const choices = [{ index: 0, message, finish_reason: 'stop', ...choice }];
  return { id: 'chatcmpl-1', model: 'smol', choices, usage, ...rest };
}

function call(written: string): object {
  return { id: 'call_1', type: 'function', function: { name: 'weather', arguments: written } };
}

test('makes a message of a text', () => {
  assert.deepEqual(messageOfChat(completion({ role: 'assistant', content: 'Hi!' })), {
    id: 'msg_chatcmpl-1',
    type: 'message',
    role: 'assistant',
    model: 'smol',
    content: [{ type: 'text', text: 'Hi!' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: 10,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 4,
    },
  });
});

test('puts thinking before text and text before calls of tools', () => {
  const calls = { content: 'Let me see.', tool_calls: [call('{"city":"Bern"}'), call('')] };
  for (const name of ['reasoning_content', 'reasoning']) {
    assert.deepEqual(messageOfChat(completion({ ...calls, [name]: 'Hm.' })).content, [
      { type: 'thinking', thinking: 'Hm.', signature: '' },
      { type: 'text', text: 'Let me see.' },
      { type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Bern' } },
      { type: 'tool_use', id: 'call_1', name: 'weather', input: {} },
    ]);
  }
});

test('says why the answer ended', () => {
  const reasons = ['stop', 'length', 'tool_calls', 'content_filter'].map(
    (reason) => messageOfChat(completion({ content: 'a' }, { finish_reason: reason })).stop_reason,
  );
  assert.deepEqual(reasons, ['end_turn', 'max_tokens', 'tool_use', 'refusal']);
  assert.equal(messageOfChat(completion({ tool_calls: [call('{}')] })).stop_reason, 'tool_use');
});

test('names the stop sequence only where the answer ended with it', () => {
  const ended = messageOfChat(completion({ content: 'a' }, { stop_reason: 'END' }));
  assert.deepEqual([ended.stop_reason, ended.stop_sequence], ['stop_sequence', 'END']);
  const token = messageOfChat(completion({ content: 'a' }, { stop_reason: 151_645 }));
  assert.deepEqual([token.stop_reason, token.stop_sequence], ['end_turn', null]);
});

test('counts tokens read from the cache apart from the others', () => {
  const cached = { ...usage, prompt_tokens_details: { cached_tokens: 8 } };
  const counted = messageOfChat(completion({ content: 'a' }, {}, { usage: cached })).usage;
  assert.deepEqual([counted.input_tokens, counted.cache_read_input_tokens], [2, 8]);
});

test('refuses an answer that is not what the API promises and says where', () => {
  const excess = { ...usage, prompt_tokens_details: { cached_tokens: 11 } };
  const unreadable: readonly (readonly [unknown, RegExp])[] = [
    ['nonsense', /the body is "nonsense"; expected is an object/],
    [completion({}, {}, { choices: [] }), /choices is \[\]; expected is a list of one entry/],
    [completion({}, {}, { usage: undefined }), /usage is missing/],
    [completion({}, {}, { usage: excess }), /cached_tokens is 11; expected is at most/],
    [completion({ content: 7 }), /message\.content is 7; expected is a string/],
    [completion({}, { finish_reason: null }), /finish_reason is null/],
    [
      completion({ tool_calls: [call('{"city":')] }),
      /tool_calls\[0\]\.function\.arguments.* no JSON/,
    ],
    [completion({ tool_calls: [call('[]')] }), /arguments is \[\]; expected is an object/],
  ];
  for (const [answer, message] of unreadable) {
    assert.throws(
      () => messageOfChat(answer),
      (error) => error instanceof AnswerUnreadableError && message.test(error.message),
    );
  }
});
