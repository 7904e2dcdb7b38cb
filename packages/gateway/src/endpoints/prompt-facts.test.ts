import assert from 'node:assert/strict';
import test from 'node:test';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { PromptReader, withModel } from './prompt-facts.ts';

function factsOf(body: unknown, type = 'application/json'): ReturnType<PromptReader['read']> {
  return new PromptReader().read({
    headers: HeaderBlock.of({ 'content-type': type }),
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  });
}

test('prompts that begin alike have blocks that begin alike, wherever other fields stand', () => {
  const messages = [{ role: 'system', content: 'x'.repeat(2000) }];
  const one = factsOf({ model: 'm', messages: [...messages, { role: 'user', content: 'one' }] });
  const other = factsOf({
    temperature: 0,
    messages: [...messages, { role: 'user', content: 'other' }],
    stream: true,
    model: 'm',
  });
  assert.ok('chain' in one && 'chain' in other);
  assert.equal(one.chain.blockCount, 3);
  assert.deepEqual(one.chain, other.chain);
});

test('finds the prompt of each form of request', () => {
  for (const field of ['messages', 'prompt', 'input']) {
    const facts = factsOf({ model: 'm', [field]: 'text', max_tokens: 7 });
    assert.ok('chain' in facts);
    assert.ok(facts.promptTokens > 0, field);
    assert.equal(facts.outputTokensMax, 7);
  }
});

test('the next prompt, short or long, leaves the blocks of the one before', () => {
  const reader = new PromptReader();
  const headers = HeaderBlock.of({ 'content-type': 'application/json' });
  const read = (content: string): ReturnType<PromptReader['read']> =>
    reader.read({ headers, body: Buffer.from(JSON.stringify({ model: 'm', prompt: content })) });
  const texts = ['a', 'b'].flatMap((letter) => [1_000, 200_000].map((n) => letter.repeat(n)));
  const chains = texts.map((text) => read(text));
  const again = texts.map((text) =>
    new PromptReader().read({
      headers,
      body: Buffer.from(JSON.stringify({ model: 'm', prompt: text })),
    }),
  );
  for (const [at, facts] of chains.entries()) {
    const other = again[at];
    assert.ok('chain' in facts && other !== undefined && 'chain' in other);
    assert.deepEqual(facts.chain, other.chain);
    assert.ok(facts.chain.blockCount > 0);
  }
});

test('what is no JSON by its type names no model', () => {
  const facts = factsOf('--boundary', 'multipart/form-data; boundary=boundary');
  assert.ok('chain' in facts);
  assert.equal(facts.model, undefined);
});

test('refuses what it cannot route, naming the field', () => {
  const broken = factsOf('{"model":');
  assert.equal('refused' in broken && broken.refused.code, 'body_not_json');
  const wrong = factsOf({ model: 7 });
  assert.equal('refused' in wrong && wrong.refused.param, 'model');
});

test('another name of the model leaves every other byte as it came', () => {
  const text = '{ "b" : 1e2, "model":"fast",\n"messages":["\\u0041"], "b": null }';
  const body = Buffer.from(text);
  const headers = HeaderBlock.of({ 'content-type': 'application/json' });
  const request = { method: 'POST', target: '/', headers, body, cancellation: new Cancellation() };
  const facts = new PromptReader().read(request);
  assert.ok('chain' in facts);
  assert.equal(withModel(request, facts, 'fast'), request);
  const sent = withModel(request, facts, 'small').body.toString();
  assert.equal(sent, text.replace('fast', 'small'));
});
