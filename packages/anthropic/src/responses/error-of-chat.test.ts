import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messagesErrorOfChat } from './error-of-chat.ts';

function errorOf(status: number, body: string): unknown {
  return JSON.parse(messagesErrorOfChat({ status, body }, null)).error;
}

test('keeps the message of an error in either of its forms', () => {
  const error = { type: 'not_found_error', message: 'No such model.' };
  assert.deepEqual(errorOf(404, '{"error":{"message":"No such model.","code":null}}'), error);
  assert.deepEqual(errorOf(404, '{"object":"error","message":"No such model."}'), error);
});

test('shows a body that is no error of OpenAI as it is, up to its bound', () => {
  assert.deepEqual(errorOf(502, 'Bad gateway\n'), { type: 'api_error', message: 'Bad gateway' });
  assert.deepEqual(errorOf(500, '{"error":7}'), { type: 'api_error', message: '{"error":7}' });
  assert.deepEqual(errorOf(500, 'x'.repeat(9000)), { type: 'api_error', message: 'x'.repeat(500) });
});

test('says so when there is no body', () => {
  const message = 'The engine answered 503 without a body.';
  assert.deepEqual(errorOf(503, ''), { type: 'overloaded_error', message });
});
