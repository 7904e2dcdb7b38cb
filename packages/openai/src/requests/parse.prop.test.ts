import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeChatParameters, parseChatRequest } from './chat-request.ts';
import { describeCompletionParameters, parseCompletionRequest } from './completion-request.ts';
import { describeEmbeddingParameters, parseEmbeddingRequest } from './embedding-request.ts';
import type { Parsed } from './parsed.ts';
import { parseDetokenizeRequest, parseTokenizeRequest } from './token-requests.ts';

/** Parses any JSON, and says only what a client can use. */
function checkParsed(parse: (body: unknown) => Parsed<unknown>, body: unknown): void {
  const result = parse(body);
  if (result.kind === 'parsed') return;
  assert.equal(result.error.status, 400);
  assert.ok(result.error.message.length > 0 && result.error.message.length < 2000);
}

const routes = [
  ['chat completions', parseChatRequest, describeChatParameters()],
  ['completions', parseCompletionRequest, describeCompletionParameters()],
  ['embeddings', parseEmbeddingRequest, describeEmbeddingParameters()],
  ['tokenize', parseTokenizeRequest, []],
  ['detokenize', parseDetokenizeRequest, []],
] as const;

for (const [title, parse, parameters] of routes) {
  test(`${title}: any JSON is parsed or refused`, () => {
    fc.assert(fc.property(fc.jsonValue(), (body) => checkParsed(parse, body)));
  });

  test(`${title}: any value of any parameter is parsed or refused`, () => {
    const names = ['model', 'messages', 'prompt', ...parameters.map(({ name }) => name)];
    const body = fc.dictionary(fc.constantFrom(...names), fc.jsonValue());
    fc.assert(fc.property(body, (fields) => checkParsed(parse, fields)));
  });
}

test('every parameter of a table is known to its parser', () => {
  const base = { model: 'm', messages: [{ role: 'user', content: 'x' }], prompt: 'x', input: 'x' };
  for (const [, parse, parameters] of routes) {
    const known = new Set(parameters.map(({ name }) => name));
    const own = Object.fromEntries(Object.entries(base).filter(([name]) => known.has(name)));
    for (const { name } of parameters) {
      const result = parse({ ...own, [name]: { odd: true } });
      const code = result.kind === 'refused' ? result.error.code : 'parsed';
      assert.notEqual(code, 'unknown_parameter', name);
    }
  }
});
