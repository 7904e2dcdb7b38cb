import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addPrompt } from './prompt-ranges.ts';
import { scanBody } from './scan-body.ts';
import type { ScannedBody } from './scanned-body.ts';

function scanned(body: string | object): ScannedBody {
  const scan = scanBody(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
  assert.equal(scan.kind, 'scanned');
  return scan.body;
}

function promptOf(body: string | object): string {
  const found = scanned(body);
  let prompt = '';
  const length = addPrompt(found, {
    add: (bytes, start, end) => {
      prompt += bytes.toString('utf8', start, end);
    },
  });
  assert.equal(length, Buffer.byteLength(prompt));
  return prompt;
}

const message = fc.record({
  role: fc.constantFrom('system', 'user', 'assistant'),
  content: fc.oneof(
    fc.string(),
    fc.array(fc.record({ type: fc.constant('text'), text: fc.string() })),
  ),
});

test('puts tools, system and messages in the order in which a model reads them', () => {
  const body = {
    messages: [{ content: 'Hi', name: 'ann', role: 'user' }],
    temperature: 0,
    system: 'Be kind.',
    tools: [1],
  };
  assert.equal(promptOf(body), '[1]"Be kind.""user""Hi""name":"ann"');
});

test('gives prompts and inputs of each form', () => {
  assert.equal(promptOf({ prompt: 'Once' }), '"Once"');
  assert.equal(promptOf({ prompt: [1, 2] }), '[1,2]');
  assert.equal(promptOf({ input: ['a', 'b'], model: 'm' }), '"a""b"');
  assert.equal(
    promptOf({ input: [{ role: 'user', content: 'x' }], instructions: 'I' }),
    '"I""user""x"',
  );
  assert.equal(promptOf({ messages: 'no list' }), '"no list"');
  assert.equal(promptOf({ model: 'm' }), '');
});

test('takes a message that lacks a role or a content, or has one twice', () => {
  assert.equal(
    promptOf({ messages: [{ tool_calls: [] }, 7, { role: 'user' }] }),
    '"tool_calls":[]7"user"',
  );
  assert.equal(promptOf('{"messages":[{"role":"a","role":"b","content":1}]}'), '"b"1');
});

test('prompts that begin with the same messages begin with the same bytes', () => {
  const property = fc.property(
    fc.array(message, { minLength: 1, maxLength: 4 }),
    fc.array(message, { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'temperature', 'stop'), fc.jsonValue()),
    (messages, more, other) => {
      const swapped = messages.map(({ role, content }) => ({ content, role }));
      const shorter = promptOf({ ...other, messages });
      const longer = promptOf(
        JSON.stringify({ model: 'm', messages: [...swapped, ...more], ...other }, undefined, 0),
      );
      assert.ok(longer.startsWith(shorter), `${longer} does not begin with ${shorter}`);
      assert.equal(longer === shorter, more.length === 0);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

test('strings of every length are told as they stand', () => {
  const text = fc.oneof(
    fc.string(),
    fc
      .tuple(fc.integer({ min: 900, max: 1200 }), fc.constantFrom('é', '"', 'a\\', '\n'))
      .map(([length, end]) => 'x'.repeat(length) + end),
  );
  const property = fc.property(
    fc.array(fc.record({ role: text, content: text, name: text }), { maxLength: 4 }),
    fc.constantFrom('m', 'm'.repeat(2000)),
    (messages, model) => {
      const expected = messages.map(
        ({ role, content, name }) =>
          `${JSON.stringify(role)}${JSON.stringify(content)}"name":${JSON.stringify(name)}`,
      );
      assert.equal(promptOf({ model, messages }), expected.join(''));
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('of more messages than are told apart the rest is read in the order of the body', () => {
  const messages = Array.from({ length: 9_000 }, (_, at) => ({ content: `${at}`, role: 'user' }));
  const first = promptOf({ messages });
  assert.ok(first.startsWith('"user""0""user""1"'));
  assert.ok(first.includes('"content":"8999","role":"user"'));
  assert.ok(promptOf({ messages: [...messages, 7] }).startsWith(first));
  const bare = promptOf({ messages: messages.map(() => ({})) });
  assert.ok(bare.endsWith('{},{}'));
  const members = Object.fromEntries(messages.map(({ content }) => [`m${content}`, 1]));
  assert.ok(promptOf({ messages: [members, 8] }).endsWith('"m8998":1,"m8999":1},8'));
});
