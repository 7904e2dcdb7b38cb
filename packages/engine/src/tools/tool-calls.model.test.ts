import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatTemplate } from '@millrace/llama';
import { requireTestModel } from '@millrace/llama/testing';
import type { FunctionTool, ToolChoice } from '@millrace/openai';
import { createEngine, type Engine } from '../engine.ts';
import { summaryOf } from '../testing/tool-answers.ts';
import { prepareTools } from './prepare-tools.ts';
import { renderableMessages } from './render-messages.ts';

const weather: FunctionTool = {
  name: 'weather',
  description: 'Tells the weather of a city.',
  parameters: {
    type: 'object',
    properties: {
      city: { type: 'string', maxLength: 20 },
      unit: { enum: ['celsius', 'fahrenheit'] },
    },
    required: ['city', 'unit'],
  },
  isStrict: true,
};

test('a model calls a tool that it must call, and none but in its form where it may', async (t) => {
  const modelPath = requireTestModel(t);
  if (modelPath === undefined) return;
  await using engine = await createEngine({ modelPath, contextTokensMax: 1024 });
  // The engine's own timers do not keep a process alive.
  const keepAlive = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(keepAlive));
  const required = await ask(engine, { kind: 'function', name: 'weather' });
  assert.equal(required.content, '');
  assert.deepEqual(
    required.calls.map((call) => call.name),
    ['weather'],
  );
  const given: { city: unknown; unit: unknown } = JSON.parse(required.calls[0]?.arguments ?? '');
  assert.equal(typeof given.city, 'string');
  assert.match(String(given.unit), /^(celsius|fahrenheit)$/);
  const free = await ask(engine, { kind: 'auto' });
  assert.ok(free.content !== '' || free.calls.length > 0);
});

async function ask(engine: Engine, toolChoice: ToolChoice): Promise<ReturnType<typeof summaryOf>> {
  const template = new ChatTemplate(engine.model.chatTemplate ?? '');
  const plan = prepareTools({
    tools: [weather],
    toolChoice,
    parallel: true,
    template: template.text,
  });
  const prompt = template.render({
    messages: renderableMessages([{ role: 'user', content: 'How warm is it in Oslo?' }], plan),
    ...(plan.templateTools === undefined ? {} : { tools: plan.templateTools }),
    addGenerationPrompt: true,
    bosText: '',
    eosText: '',
  });
  const submission = engine.submit({
    id: toolChoice.kind,
    prompt: engine.model.vocabulary.tokenize(prompt, { addSpecial: true, parseSpecial: true }),
    maxTokens: 80,
    choiceCount: 1,
    sampling: {
      temperature: 0,
      ...(plan.grammar === undefined ? {} : { grammar: { gbnf: plan.grammar } }),
    },
    stop: [],
    ignoreEos: false,
    priority: 0,
    tenant: '',
  });
  assert.equal(submission.kind, 'accepted');
  const pieces: string[] = [];
  for await (const event of submission.generation)
    if (event.kind === 'text') pieces.push(event.text);
  return summaryOf(plan, pieces);
}
