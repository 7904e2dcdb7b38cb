import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Context } from './context/context.ts';
import { loadLlama } from './library/library.ts';
import type { Model } from './model/model.ts';
import type { ContextOptions, SamplerOptions } from './options.ts';
import { loraBytes } from './testing/lora-bytes.ts';
import { requireTestModel } from './testing/model-path.ts';

/** Contexts go before their model: hooks run in the order in which they were set. */
const contextsOf = new WeakMap<Model, readonly Context[]>();

async function openModel(t: TestContext): Promise<Model | undefined> {
  const path = requireTestModel(t);
  if (path === undefined) return undefined;
  const model = await loadLlama({ accelerator: 'cpu' }).loadModel(path);
  t.after(() => {
    for (const context of contextsOf.get(model) ?? []) context[Symbol.dispose]();
    model[Symbol.dispose]();
  });
  return model;
}

async function openContext(model: Model, options: Partial<ContextOptions> = {}): Promise<Context> {
  const context = await model.createContext({
    layout: 'streams',
    sequencesMax: 3,
    cellsPerSequence: 256,
    batchTokensMax: 256,
    microBatchTokensMax: 128,
    threads: 2,
    ...options,
  });
  contextsOf.set(model, [...(contextsOf.get(model) ?? []), context]);
  return context;
}

/** Computes a text in a sequence from a position on; returns the logits behind its last token. */
async function compute(
  context: Context,
  tokens: Int32Array,
  step: { readonly sequence: number; readonly from?: number },
): Promise<Float32Array> {
  using batch = context.createBatch();
  let last = 0;
  tokens.forEach((token, index) => {
    last = batch.add(token, (step.from ?? 0) + index, step.sequence, index === tokens.length - 1);
  });
  assert.deepEqual(await context.decode(batch), { kind: 'decoded' });
  return context.logits(last).slice();
}

function distance(one: Float32Array, other: Float32Array): number {
  return Math.sqrt(one.reduce((sum, value, at) => sum + (value - (other[at] ?? 0)) ** 2, 0));
}

function bestOf(logits: Float32Array): number {
  return logits.reduce(
    (best, value, token) => (value > (logits[best] ?? Number.NEGATIVE_INFINITY) ? token : best),
    0,
  );
}

async function generate(
  model: Model,
  context: Context,
  step: { readonly text: string; readonly options: SamplerOptions; readonly count: number },
): Promise<string> {
  const { vocabulary } = model;
  using sampler = model.createSampler(step.options);
  using batch = context.createBatch();
  const prompt = vocabulary.tokenize(step.text, { addSpecial: true, parseSpecial: true });
  let index = 0;
  prompt.forEach((token, at) => (index = batch.add(token, at, 0, at === prompt.length - 1)));
  await context.decode(batch);
  const generated: number[] = [];
  for (let position = prompt.length; generated.length < step.count; position++) {
    const token = sampler.sample(context, index);
    if (vocabulary.isEndOfGeneration(token)) break;
    generated.push(token);
    batch.clear();
    index = batch.add(token, position, 0, true);
    await context.decode(batch);
  }
  context.clear();
  return vocabulary.detokenize(generated);
}

const text = 'The quick brown fox jumps over the lazy dog and runs into the forest';

test('a model tells what it is', async (t) => {
  const model = await openModel(t);
  if (model === undefined) return;
  assert.ok(model.layerCount > 0 && model.embeddingSize > 0 && model.contextTokensTrained > 0);
  assert.ok(model.kvBytesPerToken > 0 && model.sizeBytes > 0 && model.parameterCount > 0);
  assert.equal(model.metadata.get('general.architecture'), 'llama');
  assert.match(model.chatTemplate() ?? '', /im_start/);
  assert.equal(model.chatTemplate('no such template'), undefined);
});

test('the most probable token is the one that the whole chain of libllama takes', async (t) => {
  const model = await openModel(t);
  if (model === undefined) return;
  const context = await openContext(model);
  const words = model.vocabulary.tokenize(' the and', { addSpecial: false, parseSpecial: false });
  const logitBias = new Map(Array.from(words, (token) => [token, -3] as const));
  const greedy = { temperature: 0, logitBias };
  const ours = await generate(model, context, { text, options: greedy, count: 24 });
  // A penalty too small to change a logit, which libllama's chain has to be run for.
  const options = { ...greedy, presencePenalty: 1e-30 };
  assert.equal(await generate(model, context, { text, options, count: 24 }), ours);
});

test('text survives tokens and back, special tokens only where they are asked for', async (t) => {
  const model = await openModel(t);
  if (model === undefined) return;
  const { vocabulary } = model;
  for (const sample of ['plain words', 'naïve café — 東京 🚀', '  two  spaces\n\tand a tab', '']) {
    const tokens = vocabulary.tokenize(sample, { addSpecial: false, parseSpecial: false });
    assert.equal(vocabulary.detokenize(tokens), sample);
  }
  const parsed = vocabulary.tokenize('<|im_end|>', { addSpecial: false, parseSpecial: true });
  const plain = vocabulary.tokenize('<|im_end|>', { addSpecial: false, parseSpecial: false });
  assert.equal(parsed.length, 1);
  assert.ok(plain.length > 1, 'text that looks like a special token is text');
  assert.ok(vocabulary.isEndOfGeneration(parsed[0] as number));
  assert.equal(vocabulary.detokenize(parsed), '');
  assert.equal(vocabulary.detokenize(parsed, { special: true }), '<|im_end|>');
});

test('a vocabulary can be loaded without weights', async (t) => {
  const path = requireTestModel(t);
  if (path === undefined) return;
  using model = await loadLlama().loadModel(path, { vocabularyOnly: true });
  assert.ok(model.vocabulary.tokenCount > 1000);
  assert.equal(model.layerCount, 0);
});

test('a copied sequence goes on as its source does, and leaves it alone', async (t) => {
  const model = await openModel(t);
  if (model === undefined) return;
  const context = await openContext(model);
  const tokens = model.vocabulary.tokenize(text, { addSpecial: true, parseSpecial: false });
  const whole = await compute(context, tokens, { sequence: 0 });
  context.copySequence(0, 2);
  assert.ok(context.removeCells(2, 6));
  const again = await compute(context, tokens.subarray(6), { sequence: 2, from: 6 });
  assert.equal(bestOf(again), bestOf(whole));
  assert.equal(context.lastPosition(0), tokens.length - 1);
  assert.equal(context.lastPosition(2), tokens.length - 1);
});

test('a saved sequence can be restored in contexts of other shapes', async (t) => {
  const model = await openModel(t);
  if (model === undefined) return;
  const tokens = model.vocabulary.tokenize(text, { addSpecial: true, parseSpecial: false });
  const source = await openContext(model);
  const expected = bestOf(await compute(source, tokens, { sequence: 1 }));
  const state = source.saveSequence(1);
  for (const options of [
    { sequencesMax: 5 },
    { sequencesMax: 1 },
    { layout: 'unified', cellsTotal: 512 },
  ] as const) {
    const target = await openContext(model, options);
    assert.ok(target.restoreSequence(0, state));
    assert.equal(target.lastPosition(0), tokens.length - 1);
    target.removeCells(0, tokens.length - 1);
    const logits = await compute(target, tokens.subarray(-1), {
      sequence: 0,
      from: tokens.length - 1,
    });
    assert.equal(bestOf(logits), expected);
  }
});

test('a state that does not fit is refused, not fatal', async (t) => {
  const model = await openModel(t);
  if (model === undefined) return;
  const tokens = model.vocabulary
    .tokenize(text.repeat(20), { addSpecial: true, parseSpecial: false })
    .subarray(0, 250);
  const source = await openContext(model);
  await compute(source, tokens, { sequence: 0 });
  const small = await openContext(model, {
    layout: 'unified',
    cellsPerSequence: 256,
    cellsTotal: 256,
    sequencesMax: 2,
  });
  await compute(small, tokens.subarray(0, 100), { sequence: 1 });
  assert.equal(small.restoreSequence(0, source.saveSequence(0)), false);
});

test('rules whose breach would end the process are asserted first', async (t) => {
  const model = await openModel(t);
  if (model === undefined) return;
  const context = await openContext(model);
  using batch = context.createBatch();
  assert.throws(() => batch.add(-1, 0, 0, true), /vocabulary/);
  assert.throws(() => batch.add(1, 0, 3, true), /range/);
  assert.throws(() => context.copySequence(0, 0), /itself/);
  assert.throws(() => context.copySequence(0, 3), /below 3/);
  assert.throws(() => context.shareCells(0, 1, 4), /unified/);
  batch.add(1, 5, 0, true);
  await assert.rejects(context.decode(batch), /continues at 0, not at 5/);
  batch.clear();
  batch.add(1, 0, 0, true);
  const decoding = context.decode(batch);
  assert.throws(() => context.clear(), /while it decodes/);
  await decoding;
});

test('a seed repeats a draw; a bias and a grammar rule it', async (t) => {
  const model = await openModel(t);
  if (model === undefined) return;
  const context = await openContext(model);
  const prompt = 'Once upon a time';
  const drawn = {
    temperature: 1,
    topK: 50,
    topP: 0.95,
    minP: 0.02,
    frequencyPenalty: 0.2,
    seed: 9,
  };
  const first = await generate(model, context, { text: prompt, options: drawn, count: 12 });
  const second = await generate(model, context, { text: prompt, options: drawn, count: 12 });
  assert.equal(first, second);
  const [banned] = model.vocabulary.tokenize(first, { addSpecial: false, parseSpecial: false });
  const logitBias = new Map([[banned as number, Number.NEGATIVE_INFINITY]]);
  const other = await generate(model, context, {
    text: prompt,
    options: { ...drawn, logitBias },
    count: 12,
  });
  assert.notEqual(other, first);
  const grammar = { gbnf: 'root ::= "yes" | "no"' };
  const ruled = await generate(model, context, {
    text: prompt,
    options: { temperature: 0, grammar },
    count: 12,
  });
  assert.match(ruled, /^(yes|no)$/);
});

test('a grammar that does not parse and a file that is no model are clear errors', async (t) => {
  const model = await openModel(t);
  if (model === undefined) return;
  assert.throws(() => model.createSampler({ temperature: 0, grammar: { gbnf: 'root ::= [' } }), {
    code: 'LLAMA_GRAMMAR_INVALID',
  });
  await assert.rejects(loadLlama().loadModel(import.meta.filename), {
    code: 'LLAMA_MODEL_UNREADABLE',
  });
});

test('an adapter changes what a context computes, by its scale, and only while it is applied', async (t) => {
  const model = await openModel(t);
  if (model === undefined) return;
  const folder = await mkdtemp(join(tmpdir(), 'millrace-llama-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'adapter.gguf');
  const target = { name: 'blk.0.attn_output.weight', columns: 576, rows: 576 };
  await writeFile(path, loraBytes(target, [0.1, -0.05, 0.02]));
  const context = await openContext(model);
  const tokens = model.vocabulary.tokenize('The river runs', {
    addSpecial: true,
    parseSpecial: false,
  });
  const logits = (): Promise<Float32Array> => {
    context.removeCells(0, 0);
    return compute(context, tokens, { sequence: 0 });
  };
  const plain = await logits();
  using lora = await model.loadLora(path);
  context.setLoras([{ lora, scale: 1 }]);
  const adapted = await logits();
  assert.notDeepEqual(adapted, plain);
  context.setLoras([{ lora, scale: 0.5 }]);
  const halfway = await logits();
  assert.ok(distance(halfway, plain) < distance(adapted, plain), 'half the scale is nearer');
  context.setLoras([]);
  assert.deepEqual(await logits(), plain);
  await writeFile(path, loraBytes({ ...target, rows: 100 }, [0.1]));
  await assert.rejects(model.loadLora(path), { code: 'LLAMA_LORA_FAILED' });
});

test('a model can be re-encoded', async (t) => {
  const path = requireTestModel(t);
  if (path === undefined) return;
  const folder = await mkdtemp(join(tmpdir(), 'millrace-llama-'));
  t.after(() => rm(folder, { recursive: true }));
  const library = loadLlama();
  const to = join(folder, 'small.gguf');
  await library.quantize({ from: path, to, type: 'Q4_0', threads: 2 });
  using model = await library.loadModel(to);
  assert.equal(model.fileType, 'Q4_0');
  await assert.rejects(library.quantize({ from: import.meta.filename, to, type: 'Q8_0' }), {
    code: 'LLAMA_QUANTIZE_FAILED',
  });
});
