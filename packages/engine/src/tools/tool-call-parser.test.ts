import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededPrng } from '@millrace/stdx';
import type { ToolForm } from './tool-form.ts';
import { ToolCallParser, type ToolEvent } from './tool-call-parser.ts';
import { type ParsedAnswer, planOf, summaryOf } from '../testing/tool-answers.ts';

interface Example {
  readonly title: string;
  readonly form?: ToolForm;
  readonly text: string;
  readonly expected: Partial<ParsedAnswer>;
}

const call = (name: string, args: string): ParsedAnswer['calls'][number] => ({
  name,
  arguments: args,
  isEnded: true,
});

const examples: readonly Example[] = [
  {
    title: 'passes plain text on',
    text: 'No <tool needed. ',
    expected: { content: 'No <tool needed. ' },
  },
  {
    title: 'reads a call in tags',
    text: '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>',
    expected: { calls: [call('weather', '{"city": "Oslo"}')] },
  },
  {
    title: 'keeps text around calls and drops the blanks between',
    text: 'Let me see.\n\n<tool_call>{"name":"weather","arguments":{}}</tool_call>\n<tool_call>{"name":"time","arguments":{"a":[1]}}</tool_call>\n\nDone.',
    expected: {
      content: 'Let me see.Done.',
      calls: [call('weather', '{}'), call('time', '{"a":[1]}')],
    },
  },
  {
    title: 'takes markers within arguments for what they are',
    text: '<tool_call>{"name":"time","arguments":{"a":"</tool_call>}\\""}}</tool_call>',
    expected: { calls: [call('time', '{"a":"</tool_call>}\\""}')] },
  },
  {
    title: 'waits for a name that comes after the arguments',
    text: '<tool_call>{"arguments":{"a":1},"name":"time","id":"x"}</tool_call>',
    expected: { calls: [call('time', '{"a":1}')] },
  },
  {
    title: 'takes arguments out of a string',
    text: '<tool_call>{"name":"time","arguments":"{\\"a\\":1}"}</tool_call>',
    expected: { calls: [call('time', '{"a":1}')] },
  },
  {
    title: 'gives a call without arguments an empty object',
    text: '<tool_call>{"name":"time"}</tool_call>',
    expected: { calls: [call('time', '{}')] },
  },
  {
    title: 'forgives a closing brace or marker left out',
    text: '<tool_call>{"name":"time","arguments":{}</tool_call><tool_call>{"name":"time","arguments":{}}',
    expected: { calls: [call('time', '{}'), call('time', '{}')] },
  },
  {
    title: 'takes a bare call at the start of the answer',
    text: ' {"name": "time", "arguments": {}}',
    expected: { calls: [call('time', '{}')] },
  },
  {
    title: 'leaves JSON that is no call alone',
    text: '{"city": "Oslo", "name": "time"}',
    expected: { content: '{"city": "Oslo", "name": "time"}' },
  },
  {
    title: 'takes a call of an unknown tool for text',
    text: 'a <tool_call>{"name":"fly","arguments":{}}</tool_call> b',
    expected: { content: 'a <tool_call>{"name":"fly","arguments":{}}</tool_call> b' },
  },
  {
    title: 'takes a malformed call for text and the next one for a call',
    text: '<tool_call>{name: time}</tool_call> <tool_call>{"name":"time","arguments":{}}</tool_call>',
    expected: { content: '<tool_call>{name: time}</tool_call>', calls: [call('time', '{}')] },
  },
  {
    title: 'ends a call that was cut off within its arguments',
    text: '<tool_call>{"name":"time","arguments":{"a":"x',
    expected: { calls: [call('time', '{"a":"x')] },
  },
  {
    title: 'gives back a call that was cut off before its name',
    text: '<tool_call>\n{"na',
    expected: { content: '<tool_call>\n{"na' },
  },
  {
    title: 'reads bare JSON with parameters',
    form: 'llama',
    text: '{"name": "weather", "parameters": {"city": "Oslo"}}; {"name": "time", "parameters": {}}',
    expected: { calls: [call('weather', '{"city": "Oslo"}'), call('time', '{}')] },
  },
  {
    title: 'reads JSON after the python tag, and its type',
    form: 'llama',
    text: '<|python_tag|>{"type": "function", "name": "time", "parameters": {}}',
    expected: { calls: [call('time', '{}')] },
  },
  {
    title: 'leaves code after the python tag alone',
    form: 'llama',
    text: '<|python_tag|>search.call(query="x")',
    expected: { content: '<|python_tag|>search.call(query="x")' },
  },
  {
    title: 'reads a list of calls',
    form: 'mistral',
    text: '[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Oslo"}, "id": "abcdefghi"}, {"name":"time","arguments":{}}]',
    expected: { calls: [call('weather', '{"city": "Oslo"}'), call('time', '{}')] },
  },
  {
    title: 'reads a list whose marker was not shown',
    form: 'mistral',
    text: '[{"name":"time","arguments":{}}]',
    expected: { calls: [call('time', '{}')] },
  },
  {
    title: 'leaves a list of other things alone',
    form: 'mistral',
    text: '[{"a": 1}] and [1, 2]',
    expected: { content: '[{"a": 1}] and [1, 2]' },
  },
];

describe('a parser of tool calls', () => {
  for (const { title, form = 'hermes', text, expected } of examples) {
    test(title, () => {
      const whole = { content: '', calls: [], ...expected };
      assert.deepEqual(summaryOf(planOf(form), [text]), whole);
      assert.deepEqual(summaryOf(planOf(form), Array.from(text)), whole);
    });
  }
});

test('passes arguments on as they come', () => {
  const parser = new ToolCallParser(planOf('hermes'), seededPrng(1));
  assert.deepEqual(parser.push('<tool_call>{"name": "time", "argum'), []);
  const [start, ...rest] = parser.push('ents": {"a"');
  assert.equal(start?.kind, 'call-start');
  assert.deepEqual(rest, [{ kind: 'call-arguments', index: 0, fragment: '{"a"' }]);
  assert.deepEqual(parser.push(': 1'), [{ kind: 'call-arguments', index: 0, fragment: ': 1' }]);
  const expected: ToolEvent[] = [
    { kind: 'call-arguments', index: 0, fragment: '}' },
    { kind: 'call-end', index: 0 },
  ];
  assert.deepEqual(parser.push('}}</tool_call>'), expected);
  assert.deepEqual(parser.end(), []);
});

test('gives each call an id of its own that the seed repeats', () => {
  const idsOf = (seed: number): string[] => {
    const parser = new ToolCallParser(planOf('hermes'), seededPrng(seed));
    const text = '<tool_call>{"name":"time"}</tool_call>';
    const events = parser.push(text + text);
    return events.flatMap((event) => (event.kind === 'call-start' ? [event.id] : []));
  };
  const ids = idsOf(1);
  assert.equal(new Set(ids).size, 2);
  for (const id of ids) assert.match(id, /^call_[A-Za-z0-9]{24}$/);
  assert.deepEqual(idsOf(1), ids);
  assert.notDeepEqual(idsOf(2), ids);
});

test('is complete after the last call that may be made, and drops the rest', () => {
  const parser = new ToolCallParser({ ...planOf('hermes'), callsMax: 1 }, seededPrng(1));
  parser.push('<tool_call>{"name":"time","arguments":{}}');
  assert.ok(parser.isComplete);
  assert.deepEqual(parser.push('</tool_call> more <tool_call>{"name":"time"}</tool_call>'), []);
  assert.deepEqual(parser.end(), []);
  assert.equal(parser.callCount, 1);
});

test('looks for no calls where no tools are', () => {
  const plan = { ...planOf('hermes'), names: new Set<string>() };
  assert.deepEqual(summaryOf(plan, ['<tool_call>{"name":"time"}</tool_call> ']), {
    content: '<tool_call>{"name":"time"}</tool_call> ',
    calls: [],
  });
});

test('gives up on a call that does not name its tool in time', () => {
  const text = `<tool_call>{"arguments":{"a":"${'x'.repeat(20_000)}"},"name":"time"}</tool_call>`;
  assert.deepEqual(summaryOf(planOf('hermes'), [text]), { content: text, calls: [] });
});
