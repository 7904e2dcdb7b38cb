import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCompletionRequest } from './completion-request.ts';
import { parseEmbeddingRequest } from './embedding-request.ts';
import type { TextInput } from './text-input.ts';
import { parseDetokenizeRequest, parseTokenizeRequest } from './token-requests.ts';

function promptsOf(prompt: unknown): readonly TextInput[] {
  const result = parseCompletionRequest({ model: 'm', prompt });
  return result.kind === 'parsed' ? result.request.prompts : assert.fail(result.error.message);
}

function refusal(body: object): string | null {
  const result = parseCompletionRequest({ model: 'm', prompt: 'x', ...body });
  return result.kind === 'refused' ? result.error.param : assert.fail('it was parsed');
}

describe('parseCompletionRequest', () => {
  test('reads a prompt in each of its four forms', () => {
    const text = (value: string): TextInput => ({ kind: 'text', text: value });
    const tokens = (...values: number[]): TextInput => ({
      kind: 'tokens',
      tokens: Int32Array.from(values),
    });
    assert.deepEqual(promptsOf('a'), [text('a')]);
    assert.deepEqual(promptsOf(['a', 'b']), [text('a'), text('b')]);
    assert.deepEqual(promptsOf([1, 2]), [tokens(1, 2)]);
    assert.deepEqual(promptsOf([[1], [2, 3]]), [tokens(1), tokens(2, 3)]);
    assert.deepEqual(promptsOf(''), [text('')]);
  });

  test('names the entry of a prompt that is wrong', () => {
    assert.equal(refusal({ prompt: [1, 2.5] }), 'prompt[1]');
    assert.equal(refusal({ prompt: [1, -1] }), 'prompt[1]');
    assert.equal(refusal({ prompt: [1, 2 ** 31] }), 'prompt[1]');
    assert.equal(refusal({ prompt: [1, 'a'] }), 'prompt[1]');
    assert.equal(refusal({ prompt: ['a', 1] }), 'prompt[1]');
    assert.equal(refusal({ prompt: [[1], []] }), 'prompt[1]');
    assert.equal(refusal({ prompt: [] }), 'prompt');
    assert.equal(refusal({ prompt: {} }), 'prompt');
  });

  test('bounds the answers of one request', () => {
    assert.equal(refusal({ prompt: Array.from({ length: 200 }, () => 'a'), n: 2 }), 'n');
    assert.equal(refusal({ prompt: Array.from({ length: 257 }, () => 'a') }), 'prompt');
  });

  test('refuses what it cannot honour', () => {
    assert.equal(refusal({ suffix: 'end' }), 'suffix');
    assert.equal(refusal({ best_of: 3 }), 'best_of');
    assert.equal(refusal({ echo: true, logprobs: 1 }), 'logprobs');
    assert.equal(refusal({ logprobs: true }), 'logprobs');
  });

  test('generates 16 tokens unless told otherwise', () => {
    const result = parseCompletionRequest({ model: 'm', prompt: 'x', best_of: 2, n: 2 });
    assert.equal(result.kind === 'parsed' && result.request.maxTokens, 16);
  });
});

describe('parseEmbeddingRequest', () => {
  test('reads inputs and the encoding', () => {
    const result = parseEmbeddingRequest({ model: 'm', input: ['a'], encoding_format: 'base64' });
    assert.deepEqual(result, {
      kind: 'parsed',
      request: { model: 'm', inputs: [{ kind: 'text', text: 'a' }], encoding: 'base64' },
    });
  });

  test('needs an input', () => {
    const result = parseEmbeddingRequest({ model: 'm' });
    assert.equal(result.kind === 'refused' && result.error.param, 'input');
  });
});

describe('token requests', () => {
  test('are read in the words of vLLM and of llama.cpp', () => {
    const ours = parseTokenizeRequest({ prompt: 'a', return_token_strs: true });
    const theirs = parseTokenizeRequest({ content: 'a', with_pieces: true });
    const input = { kind: 'text', text: 'a' };
    assert.deepEqual(ours, {
      kind: 'parsed',
      request: { input, addsSpecialTokens: true, includesPieces: true },
    });
    assert.deepEqual(theirs, {
      kind: 'parsed',
      request: { input, addsSpecialTokens: false, includesPieces: true },
    });
  });

  test('need exactly one input', () => {
    const none = parseTokenizeRequest({});
    const two = parseTokenizeRequest({ prompt: 'a', content: 'b' });
    assert.equal(none.kind === 'refused' && none.error.code, 'missing_required_parameter');
    assert.equal(two.kind === 'refused' && two.error.code, 'invalid_value');
  });

  test('take an empty list of tokens', () => {
    const result = parseDetokenizeRequest({ tokens: [] });
    assert.deepEqual(result, { kind: 'parsed', request: { tokens: new Int32Array() } });
  });
});
