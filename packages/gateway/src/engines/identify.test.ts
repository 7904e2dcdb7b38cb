import assert from 'node:assert/strict';
import test from 'node:test';
import { type IdentifyingAnswers, identify } from './identify.ts';

const nothing: IdentifyingAnswers = {
  models: undefined,
  props: undefined,
  ollamaVersion: undefined,
  sglangInfo: undefined,
  version: undefined,
};

test('knows vLLM by the owner of its models, and takes the context from there', () => {
  const models = { object: 'list', data: [{ id: 'smol', owned_by: 'vllm', max_model_len: 4096 }] };
  assert.deepEqual(identify({ ...nothing, models, version: { version: '0.32.0' } }), {
    kind: 'vllm',
    models: [{ id: 'smol', contextTokensMax: 4096 }],
  });
});

test("knows llama.cpp's server; its slots bound the context, not what the model was trained for", () => {
  const models = { data: [{ id: 'm', owned_by: 'llamacpp', meta: { n_ctx_train: 8192 } }] };
  const props = { total_slots: 4, default_generation_settings: { n_ctx: 2048 } };
  assert.deepEqual(identify({ ...nothing, models, props }), {
    kind: 'llama.cpp',
    models: [{ id: 'm', contextTokensMax: 2048 }],
  });
});

test('takes any server that lists models for one that speaks the API', () => {
  const models = { data: [{ id: 'm' }, { name: 'no id' }, 7] };
  assert.deepEqual(identify({ ...nothing, models }), {
    kind: 'openai',
    models: [{ id: 'm', contextTokensMax: undefined }],
  });
});

test('what lists no models is nothing that could be asked', () => {
  assert.equal(identify({ ...nothing, models: { models: [] } }), undefined);
  assert.equal(identify({ ...nothing, models: 'text' }), undefined);
});

test('never trusts a context that is no count', () => {
  for (const bad of [0, -1, 1.5, '4096', null]) {
    const models = { data: [{ id: 'm', max_model_len: bad }] };
    assert.equal(identify({ ...nothing, models })?.models[0]?.contextTokensMax, undefined);
  }
});

test('knows Ollama, with the quantisation and the context that its own lists tell', () => {
  const models = { data: [{ id: 'qwen3:8b', owned_by: 'library' }, { id: 'other:1b' }] };
  const details = { quantization_level: 'Q4_K_M' };
  const found = identify({
    ...nothing,
    models,
    ollamaVersion: { version: '0.12.0' },
    ollamaTags: { models: [{ name: 'qwen3:8b', details }] },
    ollamaLoaded: { models: [{ name: 'qwen3:8b', context_length: 8192 }] },
  });
  assert.deepEqual(found, {
    kind: 'ollama',
    models: [
      { id: 'qwen3:8b', contextTokensMax: 8192, quantization: 'Q4_K_M' },
      { id: 'other:1b', contextTokensMax: undefined },
    ],
  });
});

test('knows SGLang and TensorRT-LLM by what they say of themselves', () => {
  const sglang = identify({
    ...nothing,
    models: { data: [{ id: 'm', owned_by: 'sglang', max_model_len: 4096 }] },
    sglangInfo: { quantization: 'fp8' },
  });
  assert.deepEqual(sglang?.models, [{ id: 'm', contextTokensMax: 4096, quantization: 'fp8' }]);
  assert.equal(
    identify({ ...nothing, models: { data: [{ id: 'm' }] }, version: { version: '1.2' } })?.kind,
    'tensorrt-llm',
  );
});
