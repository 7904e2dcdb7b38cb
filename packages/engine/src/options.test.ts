import assert from 'node:assert/strict';
import test from 'node:test';
import { resolveEngineOptions } from './options.ts';

test('what is left open gets a default, and the model is named after its file', () => {
  const options = resolveEngineOptions({ modelPath: '/models/tiny.Q8_0.gguf' });
  assert.equal(options.modelId, 'tiny.Q8_0');
  assert.equal(options.mode, 'adaptive');
  assert.equal(options.sequencesMax, 64);
  assert.ok(options.kvBytesMax > 0);
});

test('every wrong number is named with its value and what is allowed', () => {
  const wrong = { modelPath: 'm.gguf', sequencesMax: 0, threads: 1.5, queueLengthMax: 4 };
  assert.throws(() => resolveEngineOptions(wrong), {
    code: 'ENGINE_OPTION_INVALID',
    message: /sequencesMax is 0, allowed is a whole number from 1 to 256; threads is 1.5/,
  });
});

test('the static modes compute every prompt whole, and know streams only', () => {
  const options = resolveEngineOptions({
    modelPath: 'm.gguf',
    mode: 'static',
    reusesPrefixes: true,
  });
  assert.equal(options.reusesPrefixes, false);
  assert.throws(
    () => resolveEngineOptions({ modelPath: 'm.gguf', mode: 'static', layout: 'unified' }),
    {
      message: /mode "static" allows only "streams"/,
    },
  );
});
