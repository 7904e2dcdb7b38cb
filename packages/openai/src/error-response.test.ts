import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  contextLengthExceeded,
  draining,
  errorBody,
  errorHeaders,
  methodNotAllowed,
  modelNotFound,
  queueFull,
} from './error-response.ts';

describe('errors', () => {
  test('have the body that OpenAI clients read', () => {
    assert.deepEqual(JSON.parse(errorBody(modelNotFound('gpt', ['smol']))), {
      error: {
        message: 'The model "gpt" does not exist here; served: "smol".',
        type: 'not_found_error',
        param: 'model',
        code: 'model_not_found',
      },
    });
  });

  test('name tokens and limit of a prompt that is too long', () => {
    const error = contextLengthExceeded(9000, 8191, 'messages');
    assert.match(error.message, /9000 tokens.*8191/);
    assert.equal(error.status, 400);
  });

  test('say in whole seconds when to try again', () => {
    assert.deepEqual(errorHeaders(queueFull(10, 1200)), {
      'retry-after': '2',
      'retry-after-ms': '1200',
    });
    assert.equal(queueFull(10, 1200).status, 429);
    assert.equal(draining().status, 503);
  });

  test('list the methods that a path answers', () => {
    assert.deepEqual(errorHeaders(methodNotAllowed('PUT', '/x', ['GET', 'HEAD'])), {
      allow: 'GET, HEAD',
    });
  });
});
