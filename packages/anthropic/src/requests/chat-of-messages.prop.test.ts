import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChatRequest } from '@millrace/openai';
import fc from 'fast-check';
import { chatOfMessages, describeMessagesParameters, tokenizeOfCount } from './chat-of-messages.ts';

const names = describeMessagesParameters().map(({ name }) => name);

for (const [title, translate] of [
  ['a message', chatOfMessages],
  ['a count', tokenizeOfCount],
] as const) {
  test(`${title}: any value of any parameter is translated or refused in a sentence`, () => {
    const body = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...names), fc.jsonValue()));
    fc.assert(
      fc.property(body, (fields) => {
        const result = translate(fields);
        if (result.kind === 'parsed') return;
        assert.equal(result.error.status, 400);
        assert.match(result.error.message, /\.$/);
      }),
    );
  });
}

test('every parameter is known to the parser', () => {
  for (const name of names) {
    const result = chatOfMessages({ [name]: 'odd' });
    assert.ok(result.kind === 'refused');
    assert.notEqual(result.error.code, 'unknown_parameter', name);
  }
});

const text = fc.string({ minLength: 1 });
const textBlock = text.map((value) => ({ type: 'text', text: value }));
const call = fc.record({
  type: fc.constant('tool_use'),
  id: text,
  name: text,
  input: fc.dictionary(text, fc.jsonValue()),
});
const result = fc.record({ type: fc.constant('tool_result'), tool_use_id: text, content: text });
const turn = fc.oneof(
  fc.record({ role: fc.constant('user'), content: fc.oneof(text, fc.array(textBlock)) }),
  fc
    .tuple(fc.array(result), fc.array(textBlock))
    .map(([results, texts]) => ({ role: 'user', content: [...results, ...texts] })),
  fc
    .tuple(fc.array(textBlock), fc.array(call))
    .map(([texts, calls]) => ({ role: 'assistant', content: [...texts, ...calls] })),
);

test('a conversation of text and tools is one that our own engine reads, and all its text is there', () => {
  fc.assert(
    fc.property(fc.array(turn, { minLength: 1 }), (messages) => {
      // An answer that has begun is an extension that not every engine has.
      const closed = [...messages, { role: 'user', content: 'Go on.' }];
      const translated = chatOfMessages({ model: 'm', max_tokens: 1, messages: closed });
      assert.ok(translated.kind === 'parsed');
      const { chat } = translated.request;
      const parsed = parseChatRequest(JSON.parse(JSON.stringify(chat)));
      assert.ok(parsed.kind === 'parsed', JSON.stringify(parsed));
      const said = JSON.stringify(chat['messages']);
      for (const message of closed) {
        if (typeof message.content === 'string') {
          assert.ok(said.includes(JSON.stringify(message.content).slice(1, -1)));
        }
      }
    }),
  );
});
