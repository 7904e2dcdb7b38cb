import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FunctionTool } from '@millrace/openai';
import { seededPrng } from '@millrace/stdx';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { EngineError } from '../errors.ts';
import { GbnfMatcher } from '../testing/gbnf-matcher.ts';
import { randomSchema } from '../testing/random-schema.ts';
import { summaryOf } from '../testing/tool-answers.ts';
import { parallelCallsMax, prepareTools } from './prepare-tools.ts';

const plainTemplate =
  "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>{% endfor %}";
const hermesTemplate =
  "{% if tools %}{{ tools | tojson }}{% endif %}<tool_call>'arguments'{{ m.tool_calls }}{% if m.role == 'tool' %}";
const templates = {
  hermes: hermesTemplate,
  llama:
    "{% if tools is not none %}\"parameters\"<|python_tag|>{% endif %}{{ m.tool_calls }} 'ipython' 'tool'",
  mistral:
    '{%- if tools %}[AVAILABLE_TOOLS]{% endif %}[TOOL_CALLS]{{ m[\'tool_calls\'] }}{% if role == "tool" %}',
} as const;

const weather: FunctionTool = {
  name: 'weather',
  description: 'Tells the weather.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  isStrict: false,
};
const time: FunctionTool = { name: 'time', parameters: {}, isStrict: false };
const tools = [weather, time];

test('gives tools to a template that describes them', () => {
  const plan = prepareTools({
    tools,
    toolChoice: { kind: 'auto' },
    parallel: true,
    template: hermesTemplate,
  });
  assert.equal(plan.form, 'hermes');
  assert.equal(plan.systemText, undefined);
  assert.deepEqual(plan.templateTools?.[1], {
    type: 'function',
    function: { name: 'time', parameters: {} },
  });
  assert.equal(plan.rendersCalls, true);
  assert.equal(plan.grammar, undefined);
  assert.equal(plan.callsMax, parallelCallsMax);
});

test('describes tools in words where the template does not', () => {
  const plan = prepareTools({
    tools,
    toolChoice: { kind: 'required' },
    parallel: false,
    template: plainTemplate,
  });
  assert.equal(plan.templateTools, undefined);
  assert.equal(plan.rendersCalls, false);
  assert.match(
    plan.systemText ?? '',
    /\{"type":"function","function":\{"name":"weather","description"/,
  );
  assert.match(plan.systemText ?? '', /at most one function/);
});

test('tells the form by the template', () => {
  for (const [form, template] of Object.entries(templates)) {
    assert.equal(
      prepareTools({ tools, toolChoice: { kind: 'auto' }, parallel: true, template }).form,
      form,
    );
  }
});

test('does not trust a template to describe tools in a form that nobody here reads', () => {
  const template = hermesTemplate.replace('arguments', 'arg_key');
  const plan = prepareTools({ tools, toolChoice: { kind: 'auto' }, parallel: true, template });
  assert.deepEqual(
    [plan.form, plan.templateTools, plan.rendersCalls],
    ['hermes', undefined, false],
  );
  assert.ok(plan.systemText !== undefined);
});

test('says nothing about tools when none is to be called', () => {
  const plan = prepareTools({
    tools,
    toolChoice: { kind: 'none' },
    parallel: true,
    template: hermesTemplate,
  });
  assert.deepEqual(
    [plan.templateTools, plan.systemText, plan.grammar, plan.names.size],
    [undefined, undefined, undefined, 0],
  );
});

test('allows the named tool alone, once', () => {
  const plan = prepareTools({
    tools,
    toolChoice: { kind: 'function', name: 'weather' },
    parallel: true,
    template: plainTemplate,
  });
  const matcher = new GbnfMatcher(plan.grammar ?? '');
  const call = '<tool_call>\n{"name": "weather", "arguments": {"city":"Oslo"}}\n</tool_call>';
  assert.ok(matcher.accepts(call));
  assert.ok(!matcher.accepts(`${call}\n${call}`));
  assert.ok(!matcher.accepts('<tool_call>\n{"name": "time", "arguments": {}}\n</tool_call>'));
});

test('names the tool whose parameters have no grammar, and only where one is needed', () => {
  const odd = { ...time, parameters: { not: {} } };
  const request = { tools: [odd], parallel: true, template: undefined };
  assert.ok(prepareTools({ ...request, toolChoice: { kind: 'auto' } }));
  assert.throws(
    () => prepareTools({ ...request, toolChoice: { kind: 'required' } }),
    (error) => error instanceof EngineError && /tool "time": .*"not" at "#"/.test(error.message),
  );
});

test('calls written under the grammar are read back, with arguments that are valid', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(templates), plainTemplate),
      fc.nat(),
      (template, seed) => {
        const prng = seededPrng(seed);
        const { schema } = randomSchema(prng, 1);
        const parameters = {
          type: 'object',
          properties: { value: schema },
          additionalProperties: false,
        };
        const some = [{ ...weather, parameters }, time];
        const plan = prepareTools({
          tools: some,
          toolChoice: { kind: 'required' },
          parallel: true,
          template,
        });
        const { content, calls } = summaryOf(plan, [
          new GbnfMatcher(plan.grammar ?? '').sample(prng),
        ]);
        assert.equal(content, '');
        assert.ok(calls.length >= 1 && calls.length <= parallelCallsMax);
        for (const call of calls) {
          assert.ok(call.isEnded);
          const allowed =
            call.name === 'weather' ? parameters : { type: 'object', maxProperties: 0 };
          assert.ok(ajv.validate(allowed, JSON.parse(call.arguments)), call.arguments);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('binds the arguments of strict tools without requiring a call', () => {
  for (const [form, template] of Object.entries(templates)) {
    const strict = [{ ...weather, isStrict: true }, time];
    const plan = prepareTools({
      tools: strict,
      toolChoice: { kind: 'auto' },
      parallel: true,
      template,
    });
    const matcher = new GbnfMatcher(plan.grammar ?? '');
    const key = form === 'llama' ? 'parameters' : 'arguments';
    const [before = '', after = ''] =
      {
        hermes: ['<tool_call>\n', '\n</tool_call>'],
        llama: ['<|python_tag|>', ''],
        mistral: ['[TOOL_CALLS][', ']'],
      }[form] ?? [];
    const call = (name: string, args: string): string =>
      `${before}{"name": "${name}", "${key}": ${args}}${after}`;
    const allowed = [
      '',
      'No call, <tool> [TOOL] <|py.',
      call('weather', '{"city":"Oslo"}'),
      call('time', '{"any": 1}'),
    ];
    for (const text of [...allowed, `Let me see.\n${call('weather', '{"city":"Oslo"}')}`]) {
      assert.ok(matcher.accepts(text), `${form} allows ${text}`);
    }
    const bare = `{"name": "weather", "${key}": {}}`;
    // In tags a call is known by its tags; elsewhere an answer cannot begin as a bare call would.
    assert.equal(plan.takesBareCalls, form !== 'hermes');
    const bares =
      form === 'hermes'
        ? []
        : form === 'llama'
          ? [bare, ` ${bare}`]
          : [`[${bare}]`, ` [ ${bare}`, bare];
    for (const text of [...bares, call('weather', '{}'), call('fly', '{}'), before, `x${before}`]) {
      assert.ok(!matcher.accepts(text), `${form} refuses ${text}`);
    }
  }
});

test('text under the grammar of strict tools holds only calls that are valid', () => {
  const strict = [{ ...weather, isStrict: true }];
  fc.assert(
    fc.property(
      fc.constantFrom(templates.hermes, templates.mistral),
      fc.nat(),
      (template, seed) => {
        const plan = prepareTools({
          tools: strict,
          toolChoice: { kind: 'auto' },
          parallel: true,
          template,
        });
        const text = new GbnfMatcher(plan.grammar ?? '').sample(seededPrng(seed), 200);
        for (const { name, arguments: args } of summaryOf(plan, [text]).calls) {
          assert.equal(name, 'weather');
          assert.equal(typeof JSON.parse(args).city, 'string');
        }
      },
    ),
    { numRuns: 200 },
  );
});
