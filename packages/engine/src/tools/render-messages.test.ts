import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChatMessage } from '@millrace/openai';
import { prepareTools, type ToolPlan } from './prepare-tools.ts';
import { renderableMessages } from './render-messages.ts';

const history: readonly ChatMessage[] = [
  { role: 'developer', content: 'Be brief.' },
  { role: 'user', content: 'Oslo?' },
  {
    role: 'assistant',
    content: null,
    toolCalls: [
      { id: 'call_abcdefghijklmnopqrstuvw1', name: 'weather', arguments: '{"city":"Oslo"}' },
      { id: 'call_2', name: 'time', arguments: 'not JSON' },
    ],
  },
  { role: 'tool', content: '12 °C', toolCallId: 'call_abcdefghijklmnopqrstuvw1' },
  { role: 'tool', content: 'noon', toolCallId: 'call_2' },
  { role: 'assistant', content: 'Mild.', toolCalls: [] },
];

function planFor(template: string | undefined, toolCount = 0): ToolPlan {
  const tools = [{ name: 'weather', parameters: {}, isStrict: false }].slice(0, toolCount);
  return prepareTools({ tools, toolChoice: { kind: 'auto' }, parallel: true, template });
}

test('writes calls and results into texts where the template has no place for them', () => {
  assert.deepEqual(renderableMessages(history, planFor(undefined)), [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Oslo?' },
    {
      role: 'assistant',
      content:
        '<tool_call>\n{"name": "weather", "arguments": {"city":"Oslo"}}\n</tool_call>\n' +
        '<tool_call>\n{"name": "time", "arguments": not JSON}\n</tool_call>',
    },
    {
      role: 'user',
      content: '<tool_response>\n12 °C\n</tool_response>\n<tool_response>\nnoon\n</tool_response>',
    },
    { role: 'assistant', content: 'Mild.' },
  ]);
});

test('gives calls to a template that renders them, arguments as objects', () => {
  const template = "{% if tools %}<tool_call>'arguments'{% endif %}{{ m.tool_calls }}{{ 'tool' }}";
  const [, , call, result] = renderableMessages(history, planFor(template));
  assert.deepEqual(call, {
    role: 'assistant',
    content: '',
    tool_calls: [
      {
        id: 'call_abcdefghijklmnopqrstuvw1',
        type: 'function',
        function: { name: 'weather', arguments: { city: 'Oslo' } },
      },
      { id: 'call_2', type: 'function', function: { name: 'time', arguments: 'not JSON' } },
    ],
  });
  assert.deepEqual(result, {
    role: 'tool',
    content: '12 °C',
    tool_call_id: 'call_abcdefghijklmnopqrstuvw1',
  });
});

test('shortens ids for templates of the form that wants nine characters', () => {
  const template = "{% if tools %}[TOOL_CALLS]{% endif %}{{ m.tool_calls }}{{ 'tool' }}";
  const ids = renderableMessages(history, planFor(template)).map(
    (message) => message['tool_call_id'],
  );
  assert.deepEqual(ids, [
    undefined,
    undefined,
    undefined,
    'opqrstuvw1'.slice(1),
    '0000call2',
    undefined,
  ]);
});

test('adds the description of tools to the system message, or makes one', () => {
  const plan = planFor(undefined, 1);
  const [system] = renderableMessages(history, plan);
  assert.ok(system?.content?.startsWith('Be brief.\n\n# Tools'));
  const [made, user] = renderableMessages(history.slice(1, 2), plan);
  assert.equal(made?.role, 'system');
  assert.equal(user?.content, 'Oslo?');
});

test('puts system messages before the first words of the user where the template refuses them', () => {
  const template = "{{ raise_exception('System role not supported') }}";
  const [first, second] = renderableMessages(history, planFor(template));
  assert.deepEqual(first, { role: 'user', content: 'Be brief.\n\nOslo?' });
  assert.equal(second?.role, 'assistant');
});
