import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mergeableRequest, type MergeableRequest, mergedBody } from './mergeable-request.ts';
import { apportion, splitAnswer } from './split-answer.ts';

interface Prompts {
  readonly input?: readonly string[];
  readonly prompt?: readonly string[];
  readonly n?: number;
}

/** An engine's answer, in any order: each entry says what it answers. */
function answerTo(merged: Buffer, shuffle: number): Buffer {
  const { input, prompt, n = 1 } = JSON.parse(merged.toString()) as Prompts;
  const inputs = input ?? prompt ?? [];
  const entries = inputs.flatMap((text, position) =>
    Array.from({ length: n }, (_, draw) => ({
      index: position * n + draw,
      text: `${text}/${draw}`,
    })),
  );
  const at = entries.length === 0 ? 0 : shuffle % entries.length;
  const usage = {
    prompt_tokens: inputs.join('').length,
    completion_tokens: 7,
    total_tokens: inputs.join('').length + 7,
    prompt_tokens_details: { cached_tokens: 3 },
  };
  const answers = [...entries.slice(at), ...entries.slice(0, at)];
  const field = input === undefined ? 'choices' : 'data';
  return Buffer.from(JSON.stringify({ id: 'x', model: 'm', [field]: answers, usage }));
}

interface Split {
  readonly id: string;
  readonly data?: readonly { readonly index: number; readonly text: string }[];
  readonly choices?: Split['data'];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly total_tokens: number;
  };
}

const inputs = fc.oneof(fc.string(), fc.array(fc.string(), { minLength: 1, maxLength: 4 }));

test('every request gets the answers to its own inputs, in their order, and usage adds up', () => {
  const route = fc.constantFrom('embeddings' as const, 'completions' as const);
  fc.assert(
    fc.property(
      route,
      fc.array(inputs, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(100),
      (to, given, n, shuffle) => {
        const field = to === 'embeddings' ? 'input' : 'prompt';
        const requests = given.map((value) => {
          const body = { model: 'm', [field]: value, ...(to === 'completions' && { n }) };
          return mergeableRequest(to, Buffer.from(JSON.stringify(body)));
        });
        assert.ok(requests.every((request): request is MergeableRequest => request !== undefined));
        assert.equal(new Set(requests.map(({ key }) => key)).size, 1);
        const whole = answerTo(mergedBody(requests), shuffle);
        const split = splitAnswer(whole, requests)?.map(
          (part) => JSON.parse(part.toString()) as Split,
        );
        assert.ok(split !== undefined);
        const draws = to === 'completions' ? n : 1;
        for (const [index, value] of given.entries()) {
          const part: Split | undefined = split[index];
          const answers: Split['data'] = part?.data ?? part?.choices;
          assert.deepEqual(
            answers?.map(({ text }) => text),
            [value]
              .flat()
              .flatMap((text) => Array.from({ length: draws }, (_, draw) => `${text}/${draw}`)),
          );
          assert.deepEqual(
            answers?.map((answer) => answer.index),
            answers?.map((_, position) => position),
          );
          assert.equal(part?.usage.prompt_tokens, [value].flat().join('').length);
        }
        const { usage } = JSON.parse(whole.toString()) as Split;
        for (const count of ['prompt_tokens', 'completion_tokens', 'total_tokens'] as const) {
          const sum: number = split.reduce((total, part) => total + part.usage[count], 0);
          assert.equal(sum, usage[count], count);
        }
        assert.equal(new Set(split.map(({ id }) => id)).size, split.length);
      },
    ),
  );
});

test('parts of a number are whole, not below zero, and add up to it', () => {
  const weights = fc.array(fc.nat(10_000), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.nat(1_000_000), weights, (total, given) => {
      const parts = apportion(total, given);
      assert.ok(parts.every((part) => Number.isSafeInteger(part) && part >= 0));
      assert.equal(
        parts.reduce((one, other) => one + other, 0),
        total,
      );
    }),
  );
});

test('an answer that is not one for each input is not divided', () => {
  const request = mergeableRequest('embeddings', Buffer.from('{"model":"m","input":["a","b"]}'));
  assert.ok(request !== undefined);
  for (const answer of [
    'nonsense',
    '{}',
    '{"data":[{"index":0}]}',
    '{"data":[{"index":0},{"index":0}]}',
    '{"data":[{"index":0},{"index":2}]}',
    '{"data":[{"index":0},7]}',
  ])
    assert.equal(splitAnswer(Buffer.from(answer), [request]), undefined, answer);
});

test('requests are merged only where all but their inputs is the same', () => {
  const keyOf = (body: object): string | undefined =>
    mergeableRequest('completions', Buffer.from(JSON.stringify(body)))?.key;
  const base = { model: 'm', max_tokens: 4 };
  assert.equal(
    keyOf({ ...base, prompt: 'a' }),
    keyOf({ prompt: ['b', 'c'], max_tokens: 4, model: 'm' }),
  );
  assert.notEqual(keyOf({ ...base, prompt: 'a' }), keyOf({ ...base, prompt: 'a', temperature: 0 }));
  assert.notEqual(keyOf({ ...base, prompt: 'a' }), keyOf({ ...base, prompt: [1, 2] }));
  assert.equal(keyOf({ ...base, prompt: [1, 2] }), keyOf({ ...base, prompt: [[3], [4, 5]] }));
  for (const odd of [{ stream: true }, { seed: 1 }, { best_of: 2 }, { n: 0 }, { n: 'two' }])
    assert.equal(keyOf({ ...base, prompt: 'a', ...odd }), undefined);
  for (const prompt of ['nonsense', '[]', '{"prompt":[]}', '{"prompt":[[]]}', '{"prompt":["a",1]}'])
    assert.equal(mergeableRequest('completions', Buffer.from(prompt)), undefined, prompt);
});
