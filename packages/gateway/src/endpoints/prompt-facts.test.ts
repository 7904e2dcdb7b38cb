import assert from 'node:assert/strict';
import test from 'node:test';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import { promptFactsOf, withModel } from './prompt-facts.ts';

function factsOf(body: unknown, type = 'application/json'): ReturnType<typeof promptFactsOf> {
  return promptFactsOf({
    headers: HeaderBlock.of({ 'content-type': type }),
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  });
}

test('prompts that begin alike have bytes that begin alike, wherever other fields stand', () => {
  const messages = [{ role: 'system', content: 'x'.repeat(2000) }];
  const one = factsOf({ model: 'm', messages: [...messages, { role: 'user', content: 'one' }] });
  const other = factsOf({
    temperature: 0,
    messages: [...messages, { role: 'user', content: 'other' }],
    stream: true,
    model: 'm',
  });
  assert.ok('prompt' in one && 'prompt' in other);
  assert.deepEqual(one.prompt.subarray(0, 2000), other.prompt.subarray(0, 2000));
});

test('finds the prompt of each form of request', () => {
  for (const field of ['messages', 'prompt', 'input']) {
    const facts = factsOf({ model: 'm', [field]: 'text', max_tokens: 7 });
    assert.ok('prompt' in facts);
    assert.match(facts.prompt.toString(), /text/, field);
    assert.equal(facts.outputTokensMax, 7);
  }
});

test('what is no JSON by its type names no model', () => {
  const facts = factsOf('--boundary', 'multipart/form-data; boundary=boundary');
  assert.ok('prompt' in facts);
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
  const facts = promptFactsOf(request);
  assert.ok('prompt' in facts);
  assert.equal(withModel(request, facts, 'fast'), request);
  const sent = withModel(request, facts, 'small').body.toString();
  assert.equal(sent, text.replace('fast', 'small'));
});
