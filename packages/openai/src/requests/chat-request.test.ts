import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiError } from '../error-response.ts';
import { type ChatRequest, describeChatParameters, parseChatRequest } from './chat-request.ts';

const base = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };

function parsed(body: object): ChatRequest {
  const result = parseChatRequest({ ...base, ...body });
  assert.equal(result.kind, 'parsed', JSON.stringify(result));
  return result.kind === 'parsed' ? result.request : assert.fail();
}

function refused(body: unknown): ApiError {
  const result = parseChatRequest(body);
  assert.equal(result.kind, 'refused');
  return result.kind === 'refused' ? result.error : assert.fail();
}

describe('parseChatRequest', () => {
  test('fills in what a short request leaves open', () => {
    assert.deepEqual(parsed({}), {
      model: 'm',
      messages: [{ role: 'user', content: 'hello' }],
      isStreamed: false,
      includesUsage: false,
      choiceCount: 1,
      stop: [],
      sampling: { temperature: 1 },
      ignoreEos: false,
      priority: 0,
      responseFormat: { kind: 'text' },
      tools: [],
      toolChoice: { kind: 'none' },
      parallelToolCalls: true,
      addsGenerationPrompt: true,
      continuesFinalMessage: false,
      templateVariables: {},
    });
  });

  test('takes null for any optional field', () => {
    const request = parsed({ temperature: null, stop: null, tools: null, user: null, audio: null });
    assert.deepEqual(request, parsed({}));
  });

  test('joins text parts by line feeds', () => {
    const content = ['one', 'two'].map((text) => ({ type: 'text', text }));
    const request = parsed({ messages: [{ role: 'user', content }] });
    assert.equal(request.messages[0]?.content, 'one\ntwo');
  });

  test('reads a conversation with tool calls', () => {
    const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
    const request = parsed({
      messages: [
        { role: 'developer', content: 'be short' },
        { role: 'assistant', content: null, tool_calls: [call], refusal: null },
        { role: 'tool', tool_call_id: 'c1', content: '42' },
      ],
    });
    assert.deepEqual(request.messages.slice(1), [
      { role: 'assistant', content: null, toolCalls: [{ id: 'c1', name: 'f', arguments: '{}' }] },
      { role: 'tool', content: '42', toolCallId: 'c1' },
    ]);
  });

  test('treats max_tokens, max_completion_tokens and n_predict as one', () => {
    assert.equal(parsed({ max_tokens: 5 }).maxTokens, 5);
    assert.equal(parsed({ max_completion_tokens: 6, max_tokens: 6 }).maxTokens, 6);
    assert.equal(refused({ ...base, max_tokens: 5, n_predict: 6 }).param, 'n_predict');
  });

  test('accepts what identifies a request and changes nothing', () => {
    const request = parsed({ user: 'u', metadata: { a: 'b' }, store: false, service_tier: 'auto' });
    assert.deepEqual(request, parsed({}));
  });

  test('reports the first problem in the order of the fields', () => {
    assert.equal(refused({ ...base, top_p: 7, temperature: 9 }).param, 'top_p');
    assert.equal(refused({ ...base, temperature: 9, top_p: 7 }).param, 'temperature');
  });

  test('names a field, its value and what is allowed', () => {
    const error = refused({ ...base, temperature: 3 });
    assert.equal(error.message, "'temperature' is 3; allowed is a number from 0 to 2.");
    assert.equal(error.status, 400);
    assert.equal(error.type, 'invalid_request_error');
  });

  const refusals: readonly [title: string, body: unknown, param: string | null, code: string][] = [
    ['no object', [], null, 'invalid_type'],
    ['no model', { messages: base.messages }, 'model', 'missing_required_parameter'],
    ['no messages', { model: 'm' }, 'messages', 'missing_required_parameter'],
    ['an empty conversation', { ...base, messages: [] }, 'messages', 'invalid_value'],
    ['an unknown parameter', { ...base, temprature: 1 }, 'temprature', 'unknown_parameter'],
    ['a name of the prototype', { ...base, constructor: 1 }, 'constructor', 'unknown_parameter'],
    ['a numeric string', { ...base, temperature: '1' }, 'temperature', 'invalid_type'],
    ['too many choices', { ...base, n: 129 }, 'n', 'invalid_value'],
    ['part of a choice', { ...base, n: 1.5 }, 'n', 'invalid_value'],
    ['a fifth stop', { ...base, stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop', 'invalid_value'],
    ['an empty stop', { ...base, stop: ['a', ''] }, 'stop[1]', 'invalid_value'],
    ['a bias beyond 100', { ...base, logit_bias: { 5: 101 } }, 'logit_bias.5', 'invalid_value'],
    ['a bias of a word', { ...base, logit_bias: { cat: 1 } }, 'logit_bias', 'invalid_value'],
    ['store', { ...base, store: true }, 'store', 'unsupported_value'],
    ['audio', { ...base, audio: { voice: 'x' } }, 'audio', 'unsupported_parameter'],
    ['top_logprobs alone', { ...base, top_logprobs: 2 }, 'top_logprobs', 'invalid_value'],
    ['usage without a stream', { ...base, stream_options: {} }, 'stream_options', 'invalid_value'],
    [
      'an image',
      { ...base, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] },
      'messages[0].content[0].type',
      'unsupported_value',
    ],
    [
      'an unknown field of a message',
      { ...base, messages: [{ role: 'user', content: 'x', colour: 1 }] },
      'messages[0].colour',
      'unknown_parameter',
    ],
    [
      'a required tool of none',
      { ...base, tool_choice: 'required' },
      'tool_choice',
      'invalid_value',
    ],
    [
      'a grammar and a format',
      { ...base, grammar: 'root ::= "a"', response_format: { type: 'json_object' } },
      'grammar',
      'invalid_value',
    ],
  ];
  for (const [title, body, param, code] of refusals) {
    test(`refuses ${title}`, () => {
      const error = refused(body);
      assert.deepEqual({ param: error.param, code: error.code }, { param, code });
    });
  }

  test('reads tools and the choice of one', () => {
    const parameters = { type: 'object', properties: {} };
    const tools = [{ type: 'function', function: { name: 'f', parameters, strict: true } }];
    const tool_choice = { type: 'function', function: { name: 'f' } };
    const request = parsed({ tools, tool_choice });
    assert.deepEqual(request.tools, [{ name: 'f', parameters, isStrict: true }]);
    assert.deepEqual(request.toolChoice, { kind: 'function', name: 'f' });
    const other = { type: 'function', function: { name: 'g' } };
    assert.equal(
      refused({ ...base, tools, tool_choice: other }).param,
      'tool_choice.function.name',
    );
    assert.equal(refused({ ...base, tools: [...tools, ...tools] }).param, 'tools[1].function.name');
    assert.deepEqual(parsed({ tools }).toolChoice, { kind: 'auto' });
    const response_format = { type: 'json_object' };
    assert.equal(refused({ ...base, tools, response_format }).param, 'response_format');
    parsed({ tools, response_format, tool_choice: 'none' });
  });
});

describe('describeChatParameters', () => {
  test('describes every parameter once, with a note', () => {
    const lines = describeChatParameters();
    assert.equal(new Set(lines.map(({ name }) => name)).size, lines.length);
    assert.ok(lines.every(({ note }) => note.length > 3));
    const effects = Object.fromEntries(lines.map(({ name, effect }) => [name, effect]));
    assert.equal(effects['temperature'], 'honoured');
    assert.equal(effects['user'], 'accepted');
    assert.equal(effects['audio'], 'refused');
  });
});
