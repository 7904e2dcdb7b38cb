import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadLlama } from '@millrace/llama';
import { seededPrng } from '@millrace/stdx';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { createEngine, type Engine } from '../engine.ts';
import { requireTestModel } from '@millrace/llama/testing';
import { randomSchema } from '../testing/random-schema.ts';
import { formatPatterns } from './formats.ts';
import { grammarOfJsonObject, grammarOfJsonSchema } from './json-schema-grammar.ts';

const ajv = new Ajv2020({ strict: false, validateFormats: false });

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 30 },
    age: { type: 'integer', minimum: 0, maximum: 150 },
    email: { type: 'string', format: 'email' },
    born: { type: 'string', format: 'date' },
    height: { type: 'number', minimum: 0.5, maximum: 2.5 },
    tags: { type: 'array', items: { enum: ['red', 'green', 'blue'] }, minItems: 1, maxItems: 3 },
    friend: {
      anyOf: [
        { type: 'null' },
        { type: 'object', properties: { name: { type: 'string', maxLength: 9 } } },
      ],
    },
  },
  required: ['name', 'age', 'email', 'born', 'height', 'tags', 'friend'],
  additionalProperties: false,
};

test('libllama reads the grammar of every schema', async (t) => {
  const modelPath = requireTestModel(t);
  if (modelPath === undefined) return;
  using model = await loadLlama().loadModel(modelPath);
  const schemas: unknown[] = Object.keys(formatPatterns).map((format) => ({
    type: 'string',
    format,
  }));
  schemas.push(person, {}, { type: 'string', minLength: 1000, maxLength: 1_000_000 });
  schemas.push({ type: 'array', items: person, minItems: 3, maxItems: 10_000 });
  for (let seed = 0; seed < 200; seed++) schemas.push(randomSchema(seededPrng(seed)).schema);
  for (const gbnf of [...schemas.map(grammarOfJsonSchema), grammarOfJsonObject()]) {
    using sampler = model.createSampler({ temperature: 0, grammar: { gbnf } });
    assert.ok(sampler);
  }
});

test('what a model writes under a grammar is valid', async (t) => {
  const modelPath = requireTestModel(t);
  if (modelPath === undefined) return;
  await using engine = await createEngine({ modelPath, contextTokensMax: 1024 });
  const keepAlive = setInterval(() => undefined, 1000);
  // The engine's own timers do not keep a process alive.
  t.after(() => clearInterval(keepAlive));
  const schemas: unknown[] = [person];
  for (let seed = 0; seed < 5; seed++) schemas.push(randomSchema(seededPrng(seed), 2).schema);
  const answers = await Promise.all(
    schemas.map((schema, index) =>
      write(engine, { gbnf: grammarOfJsonSchema(schema), seed: index }),
    ),
  );
  let completeCount = 0;
  for (const [index, { text, reason }] of answers.entries()) {
    if (reason !== 'stop') continue;
    completeCount++;
    const schema = schemas[index] as object;
    assert.ok(ajv.validate(schema, JSON.parse(text)), `${text} under ${JSON.stringify(schema)}`);
  }
  assert.ok(completeCount >= 2, `${completeCount} answers came to their end`);
});

async function write(
  engine: Engine,
  { gbnf, seed }: { readonly gbnf: string; readonly seed: number },
): Promise<{ readonly text: string; readonly reason: string }> {
  const prompt = 'A person as JSON:\n';
  const submission = engine.submit({
    id: String(seed),
    prompt: engine.model.vocabulary.tokenize(prompt, { addSpecial: true, parseSpecial: true }),
    maxTokens: 160,
    choiceCount: 1,
    sampling: { temperature: seed === 0 ? 0 : 0.8, seed, grammar: { gbnf } },
    stop: [],
    ignoreEos: false,
    priority: 0,
    tenant: '',
  });
  assert.equal(submission.kind, 'accepted');
  let text = '';
  let reason = '';
  for await (const event of submission.generation) {
    if (event.kind === 'text') text += event.text;
    if (event.kind === 'choice-finished') ({ reason } = event);
    assert.notEqual(event.kind, 'failed');
  }
  return { text, reason };
}
