import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseChatRequest } from '../requests/chat-request.ts';
import {
  type ChatOfResponse,
  chatOfResponse,
  describeResponseParameters,
} from './chat-of-response.ts';

function translated(more: object): ChatOfResponse {
  const parsed = chatOfResponse({ model: 'smol', input: 'Hi', ...more });
  assert.ok(parsed.kind === 'parsed', JSON.stringify(parsed));
  return parsed.request;
}

const parameters = { type: 'object', properties: { city: { type: 'string' } } };
const weather = { type: 'function', name: 'weather', parameters, strict: true } as const;

test('a text is a chat of one message', () => {
  assert.deepEqual(translated({}).chat, {
    model: 'smol',
    messages: [{ role: 'user', content: 'Hi' }],
  });
});

test('every parameter has its counterpart and is told again', () => {
  const format = { type: 'json_schema', name: 'city', schema: parameters, strict: true } as const;
  const { chat, echo, isStreamed } = translated({
    instructions: 'Be brief.',
    max_output_tokens: 16,
    temperature: 0.5,
    top_p: 0.9,
    top_logprobs: 2,
    include: ['message.output_text.logprobs', 'reasoning.encrypted_content'],
    text: { format, verbosity: 'low' },
    reasoning: { effort: 'low', summary: 'auto' },
    metadata: { a: 'b' },
    stream: true,
    store: false,
    seed: 7,
  });
  assert.deepEqual(chat, {
    model: 'smol',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ],
    max_tokens: 16,
    temperature: 0.5,
    top_p: 0.9,
    logprobs: true,
    top_logprobs: 2,
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'city', schema: parameters, strict: true },
    },
    verbosity: 'low',
    reasoning_effort: 'low',
    seed: 7,
    stream: true,
    stream_options: { include_usage: true },
  });
  assert.ok(isStreamed);
  assert.deepEqual(echo, {
    instructions: 'Be brief.',
    max_output_tokens: 16,
    metadata: { a: 'b' },
    parallel_tool_calls: true,
    reasoning: { effort: 'low', summary: null },
    temperature: 0.5,
    text: { format, verbosity: 'low' },
    tool_choice: 'auto',
    tools: [],
    top_logprobs: 2,
    top_p: 0.9,
  });
});

test('functions and the choice among them are translated', () => {
  const { chat, echo } = translated({
    tools: [weather],
    tool_choice: { type: 'function', name: 'weather' },
    parallel_tool_calls: false,
  });
  assert.deepEqual(chat['tools'], [
    { type: 'function', function: { name: 'weather', parameters, strict: true } },
  ]);
  assert.deepEqual(chat['tool_choice'], { type: 'function', function: { name: 'weather' } });
  assert.equal(chat['parallel_tool_calls'], false);
  assert.deepEqual(echo.tools, [weather]);
  assert.deepEqual(echo.tool_choice, { type: 'function', name: 'weather' });
});

test('what the assistant thought, said and called without a break is one message', () => {
  const { chat } = translated({
    input: [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'Weather?' },
          { type: 'input_image', image_url: 'http://a/b.png', detail: 'auto' },
        ],
      },
      {
        type: 'reasoning',
        id: 'rs_1',
        summary: [],
        content: [{ type: 'reasoning_text', text: 'Hm.' }],
        encrypted_content: null,
      },
      {
        type: 'message',
        id: 'msg_1',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'Let me see.', annotations: [], logprobs: [] }],
      },
      {
        type: 'function_call',
        call_id: 'c1',
        name: 'weather',
        arguments: '{}',
        status: 'completed',
      },
      { type: 'function_call', call_id: 'c2', name: 'weather', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c1', output: 'sunny' },
      {
        type: 'function_call_output',
        call_id: 'c2',
        output: [{ type: 'input_text', text: 'rainy' }],
      },
      { type: 'reasoning', id: 'rs_2', summary: [{ type: 'summary_text', text: 'So.' }] },
      { role: 'assistant', content: 'It is.' },
      { role: 'user', content: 'And?' },
    ],
  });
  const call = (id: string): object => ({
    id,
    type: 'function',
    function: { name: 'weather', arguments: '{}' },
  });
  assert.deepEqual(chat['messages'], [
    { role: 'system', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Weather?' },
        { type: 'image_url', image_url: { url: 'http://a/b.png', detail: 'auto' } },
      ],
    },
    {
      role: 'assistant',
      content: 'Let me see.',
      reasoning_content: 'Hm.',
      reasoning: 'Hm.',
      tool_calls: [call('c1'), call('c2')],
    },
    { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
    { role: 'tool', tool_call_id: 'c2', content: 'rainy' },
    { role: 'assistant', content: 'It is.', reasoning_content: 'So.', reasoning: 'So.' },
    { role: 'user', content: 'And?' },
  ]);
});

test('what cannot be honoured is refused by name', () => {
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ store: true }, /'store' is true.*nothing is stored; send the whole conversation/],
    [{ previous_response_id: 'resp_1' }, /'previous_response_id' is not supported: nothing is/],
    [{ background: true }, /'background' is true/],
    [{ conversation: 'c' }, /'conversation' is not supported/],
    [{ truncation: 'auto' }, /'truncation' is "auto"/],
    [{ tools: [{ type: 'web_search' }] }, /'tools\[0\]\.type' is "web_search"/],
    [{ tool_choice: 'required' }, /'tool_choice' asks for a call, and 'tools' is empty/],
    [{ input: [{ type: 'item_reference', id: 'x' }] }, /'input\[0\]\.type' is "item_reference"/],
    [
      { input: [{ type: 'reasoning', id: 'x', summary: [], encrypted_content: 'x' }] },
      /encrypted_content.*cannot be read/,
    ],
    [
      { input: [{ role: 'user', content: [{ type: 'input_file', file_id: 'f' }] }] },
      /content\[0\]\.type/,
    ],
    [{ max_tokens: 5 }, /"max_tokens" is not a parameter/],
    [{ stream_options: { include_obfuscation: true } }, /include_obfuscation' is true/],
  ];
  for (const [more, message] of refused) {
    const parsed = chatOfResponse({ model: 'smol', input: 'Hi', ...more });
    assert.ok(parsed.kind === 'refused', JSON.stringify(more));
    assert.equal(parsed.error.status, 400);
    assert.match(parsed.error.message, message);
  }
});

const names = describeResponseParameters().map(({ name }) => name);

test('any value of any parameter is translated or refused in a sentence', () => {
  const body = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...names), fc.jsonValue()));
  fc.assert(
    fc.property(body, (fields) => {
      const result = chatOfResponse(fields);
      if (result.kind === 'refused') assert.match(result.error.message, /\.$/);
    }),
  );
});

test('any items of text and functions are a conversation that our own engine reads', () => {
  const text = fc.string({ minLength: 1 });
  const item = fc.oneof(
    fc.record({ role: fc.constantFrom('user', 'assistant', 'system'), content: text }),
    fc.record({
      type: fc.constant('reasoning'),
      summary: fc.array(fc.record({ type: fc.constant('summary_text'), text })),
    }),
    fc.record({
      type: fc.constant('function_call'),
      call_id: text,
      name: text,
      arguments: text,
    }),
    fc.record({ type: fc.constant('function_call_output'), call_id: text, output: text }),
  );
  fc.assert(
    fc.property(fc.array(item, { minLength: 1 }), (input) => {
      const { chat } = translated({ input });
      const parsed = parseChatRequest(JSON.parse(JSON.stringify(chat)));
      assert.ok(parsed.kind === 'parsed', JSON.stringify(parsed));
    }),
  );
});
