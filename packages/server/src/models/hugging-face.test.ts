import assert from 'node:assert/strict';
import test from 'node:test';
import { huggingFaceHeaders, huggingFaceUrl, parseHuggingFace } from './hugging-face.ts';

test('a reference is read into owner, repository and path', () => {
  assert.deepEqual(parseHuggingFace('hf:a-b/c.d/sub/m-Q8_0.GGUF'), {
    owner: 'a-b',
    repository: 'c.d',
    file: 'sub/m-Q8_0.GGUF',
  });
});

for (const reference of [
  'hf:',
  'hf:owner',
  'hf:owner/repository',
  'hf:owner/m.gguf',
  'hf:owner/repository/m.bin',
  'hf:/repository/m.gguf',
  'hf:owner//m.gguf',
  'hf:owner/repository/../m.gguf',
  'hf:../repository/m.gguf',
  'hf:owner/repository/a b.gguf',
]) {
  test(`"${reference}" is refused with the form that is read`, () => {
    assert.throws(() => parseHuggingFace(reference), {
      code: 'SERVER_SETTING_INVALID',
      message: `the model is "${reference}"; the form is hf:owner/repository/file.gguf`,
    });
  });
}

test('the address is that of Hugging Face or of the mirror', () => {
  const file = { owner: 'a', repository: 'b', file: 'c/m.gguf' };
  const path = '/a/b/resolve/main/c/m.gguf';
  assert.equal(huggingFaceUrl(file, {}), `https://huggingface.co${path}`);
  assert.equal(huggingFaceUrl(file, { HF_ENDPOINT: 'http://m:1/hf/' }), `http://m:1/hf${path}`);
});

test('the token is sent where there is one', () => {
  assert.deepEqual(huggingFaceHeaders({ HF_TOKEN: '' }), {});
  assert.deepEqual(huggingFaceHeaders({ HF_TOKEN: 't' }), { authorization: 'Bearer t' });
});
