import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ChatStreamFormat } from './chat-stream.ts';
import { CompletionStreamFormat } from './completion-response.ts';

function bodyOf(event: string): unknown {
  assert.ok(event.startsWith('data: ') && event.endsWith('\n\n'));
  const json = event.slice('data: '.length, -2);
  assert.ok(!json.includes('\n'));
  return JSON.parse(json);
}

const anyText = fc.string({ unit: 'binary' });

describe('stream formats', () => {
  test('write for any text and name what JSON.stringify would write', () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, fc.boolean(), (id, model, text, includesUsage) => {
        const head = { id, createdUnixS: 12, model };
        const options = { choiceCount: 3, includesUsage };
        const shared = { created: 12, model, system_fingerprint: null };
        const usage = includesUsage ? { usage: null } : {};
        assert.deepEqual(bodyOf(new ChatStreamFormat(head, options).text(2, text)), {
          id,
          object: 'chat.completion.chunk',
          ...shared,
          choices: [{ index: 2, delta: { content: text }, logprobs: null, finish_reason: null }],
          ...usage,
        });
        assert.deepEqual(bodyOf(new CompletionStreamFormat(head, options).text(1, text)), {
          id,
          object: 'text_completion',
          ...shared,
          choices: [{ index: 1, text, logprobs: null, finish_reason: null }],
          ...usage,
        });
      }),
    );
  });

  test('tell the usage only when it was asked for', () => {
    const head = { id: 'a', createdUnixS: 1, model: 'm' };
    const usage = { promptTokens: 5, completionTokens: 2, cachedTokens: 4 };
    const silent = new ChatStreamFormat(head, { choiceCount: 1, includesUsage: false });
    assert.equal(silent.usage(usage), '');
    const telling = new ChatStreamFormat(head, { choiceCount: 1, includesUsage: true });
    assert.deepEqual(bodyOf(telling.usage(usage)), {
      id: 'a',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'm',
      system_fingerprint: null,
      choices: [],
      usage: {
        prompt_tokens: 5,
        completion_tokens: 2,
        total_tokens: 7,
        prompt_tokens_details: { cached_tokens: 4 },
      },
    });
  });

  test('offset the tokens of a completion by the text before them', () => {
    const format = new CompletionStreamFormat(
      { id: 'a', createdUnixS: 1, model: 'm' },
      { choiceCount: 1, includesUsage: false },
    );
    const token = (text: string): { bytes: Uint8Array; logprob: number; top: [] } => ({
      bytes: new TextEncoder().encode(text),
      logprob: Number.NEGATIVE_INFINITY,
      top: [],
    });
    format.textWithLogprobs(0, 'abc', [token('ab'), token('c')]);
    const second = JSON.stringify(bodyOf(format.textWithLogprobs(0, 'd', [token('d')])));
    assert.match(second, /"text_offset":\[3\]/);
    assert.match(second, /"token_logprobs":\[-9999\]/);
  });
});
