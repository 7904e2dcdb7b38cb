import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messagesErrorBody, messagesErrorType } from './error-body.ts';

test('gives each status the type of the Messages API', () => {
  const statuses = [400, 401, 402, 403, 404, 409, 413, 429, 500, 502, 503, 504, 529];
  assert.deepEqual(statuses.map(messagesErrorType), [
    'invalid_request_error',
    'authentication_error',
    'billing_error',
    'permission_error',
    'not_found_error',
    'invalid_request_error',
    'request_too_large',
    'rate_limit_error',
    'api_error',
    'api_error',
    'overloaded_error',
    'timeout_error',
    'overloaded_error',
  ]);
});

test('writes the body of an error', () => {
  assert.deepEqual(JSON.parse(messagesErrorBody({ status: 429, message: 'Full.' }, 'req_1')), {
    type: 'error',
    error: { type: 'rate_limit_error', message: 'Full.' },
    request_id: 'req_1',
  });
});
