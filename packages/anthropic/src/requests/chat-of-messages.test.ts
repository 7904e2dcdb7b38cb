import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chatOfMessages, tokenizeOfCount } from './chat-of-messages.ts';

const base = { model: 'smol', max_tokens: 16, messages: [{ role: 'user', content: 'Hi' }] };

function chatOf(more: object): Readonly<Record<string, unknown>> {
  const parsed = chatOfMessages({ ...base, ...more });
  assert.ok(parsed.kind === 'parsed', JSON.stringify(parsed));
  return parsed.request.chat;
}

function messagesOf(messages: readonly object[]): unknown {
  return chatOf({ messages })['messages'];
}

function refusalOf(more: object): string {
  const parsed = chatOfMessages({ ...base, ...more });
  assert.ok(parsed.kind === 'refused', JSON.stringify(parsed));
  assert.equal(parsed.error.status, 400);
  return parsed.error.message;
}

const weather = {
  name: 'weather',
  description: 'Tells the weather.',
  input_schema: { type: 'object', properties: { city: { type: 'string' } } },
};

test('a plain request is a plain chat completion', () => {
  assert.deepEqual(chatOf({}), {
    model: 'smol',
    messages: [{ role: 'user', content: 'Hi' }],
    max_tokens: 16,
  });
});

test('a stream is asked for its usage', () => {
  const chat = chatOf({ stream: true });
  assert.equal(chat['stream'], true);
  assert.deepEqual(chat['stream_options'], { include_usage: true });
});

test('every sampling parameter has its counterpart', () => {
  const chat = chatOf({
    system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
    stop_sequences: ['END'],
    temperature: 0.5,
    top_p: 0.9,
    top_k: 5,
    metadata: { user_id: 'somebody' },
    seed: 7,
    min_p: 0.1,
    thinking: { type: 'enabled', budget_tokens: 1024 },
    output_config: { effort: 'low', format: { type: 'json_schema', schema: { type: 'object' } } },
    chat_template_kwargs: { thinking: false },
  });
  assert.deepEqual(chat, {
    model: 'smol',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ],
    max_tokens: 16,
    stop: ['END'],
    temperature: 0.5,
    top_p: 0.9,
    top_k: 5,
    user: 'somebody',
    seed: 7,
    min_p: 0.1,
    reasoning_effort: 'low',
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'answer', schema: { type: 'object' }, strict: true },
    },
    chat_template_kwargs: { enable_thinking: true, thinking: false },
  });
});

test('tools and the choice among them are translated', () => {
  const parameters = weather.input_schema;
  const tool = { name: 'weather', description: 'Tells the weather.', parameters };
  assert.deepEqual(chatOf({ tools: [weather] })['tools'], [{ type: 'function', function: tool }]);
  const choices = [
    { type: 'auto' },
    { type: 'any', disable_parallel_tool_use: true },
    { type: 'tool', name: 'weather' },
    { type: 'none' },
  ].map((tool_choice) => {
    const chat = chatOf({ tools: [weather], tool_choice });
    return [chat['tool_choice'], chat['parallel_tool_calls']];
  });
  assert.deepEqual(choices, [
    ['auto', undefined],
    ['required', false],
    [{ type: 'function', function: { name: 'weather' } }, undefined],
    ['none', undefined],
  ]);
});

test('calls of tools and their results become messages of their own', () => {
  const messages = messagesOf([
    { role: 'user', content: 'Weather?' },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: '' },
        { type: 'text', text: 'Let me see.' },
        { type: 'tool_use', id: 't1', name: 'weather', input: { city: 'Bern' } },
        { type: 'tool_use', id: 't2', name: 'weather', input: {} },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 't1', content: 'sunny' },
        {
          type: 'tool_result',
          tool_use_id: 't2',
          is_error: true,
          content: [
            { type: 'text', text: 'no city' },
            { type: 'image', source: { type: 'url', url: 'http://a/b.png' } },
          ],
        },
        { type: 'text', text: 'And?' },
      ],
    },
  ]);
  const call = (id: string, args: string): object => ({
    id,
    type: 'function',
    function: { name: 'weather', arguments: args },
  });
  assert.deepEqual(messages, [
    { role: 'user', content: 'Weather?' },
    {
      role: 'assistant',
      content: 'Let me see.',
      reasoning_content: 'Hm.',
      reasoning: 'Hm.',
      tool_calls: [call('t1', '{"city":"Bern"}'), call('t2', '{}')],
    },
    { role: 'tool', tool_call_id: 't1', content: 'sunny' },
    { role: 'tool', tool_call_id: 't2', content: 'Error: no city' },
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url: 'http://a/b.png' } },
        { type: 'text', text: 'And?' },
      ],
    },
  ]);
});

test('images and documents of plain text are said in their place', () => {
  const content = [
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
    { type: 'document', title: 'A', source: { type: 'text', media_type: 'text/plain', data: 'B' } },
  ];
  assert.deepEqual(messagesOf([{ role: 'user', content }]), [
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        { type: 'text', text: 'A\n\nB' },
      ],
    },
  ]);
});

test('messages of one role that follow one another are one', () => {
  const said = ['a', 'b'].map((content) => ({ role: 'user', content }));
  assert.deepEqual(messagesOf(said), [{ role: 'user', content: 'a\nb' }]);
});

test('an answer that has begun is gone on with', () => {
  const chat = chatOf({ messages: [...base.messages, { role: 'assistant', content: 'The' }] });
  assert.equal(chat['add_generation_prompt'], false);
  assert.equal(chat['continue_final_message'], true);
});

test('what cannot be honoured is refused by name', () => {
  const asked = (block: object): object => ({ messages: [{ role: 'user', content: [block] }] });
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ max_tokens: null }, /'max_tokens' is missing/],
    [{ max_tokens: 0 }, /'max_tokens' is 0/],
    [{ temperature: 1.5 }, /'temperature' is 1.5.*0 to 1/],
    [{ temprature: 1 }, /"temprature" is not a parameter/],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, /tools\[0\]\.type/],
    [{ tool_choice: { type: 'auto' } }, /'tool_choice' is given, and 'tools' is empty/],
    [{ container: 'c' }, /'container' is not supported: nothing is run here/],
    [{ speed: 'fast' }, /'speed' is "fast"/],
    [{ messages: [] }, /'messages' is a list of 0 entries/],
    [asked({ type: 'redacted_thinking', data: 'x' }), /messages\[0\]\.content\[0\]\.type/],
    [asked({ type: 'image', source: { type: 'file', file_id: 'f' } }), /source\.type/],
    [
      asked({ type: 'document', source: { type: 'base64', media_type: 'application/pdf' } }),
      /source\.type/,
    ],
    [asked({ type: 'text', text: 'a', colour: 'red' }), /content\[0\]\.colour/],
    [
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'a' },
              { type: 'tool_result', tool_use_id: 't' },
            ],
          },
        ],
      },
      /content\[1\].*before all other blocks/,
    ],
  ];
  for (const [more, message] of refused) assert.match(refusalOf(more), message);
});

test('tokens are counted of what is a part of the prompt', () => {
  const { model, messages } = base;
  const parsed = tokenizeOfCount({ model, messages, system: 'S', tools: [weather] });
  assert.ok(parsed.kind === 'parsed');
  assert.deepEqual(Object.keys(parsed.request).toSorted(), ['messages', 'model', 'tools']);
  const refused = tokenizeOfCount({ model, messages, max_tokens: 5 });
  assert.ok(refused.kind === 'refused');
  assert.match(refused.error.message, /"max_tokens" is not a parameter/);
});
