import assert from 'node:assert/strict';
import test from 'node:test';
import { endToEnd } from './headers.ts';
import { tenantOf } from './tenant.ts';

test('headers of the connection, and those it names, do not travel on', () => {
  const kept = endToEnd({
    connection: 'keep-alive, X-Private',
    'keep-alive': 'timeout=5',
    'transfer-encoding': 'chunked',
    'x-private': '1',
    'content-type': 'application/json',
    accept: undefined,
  });
  assert.deepEqual(kept, { 'content-type': 'application/json' });
});

test('the same key is the same tenant, another one is another, none is nobody', () => {
  assert.equal(tenantOf({ authorization: 'Bearer a' }), tenantOf({ authorization: 'Bearer a' }));
  assert.notEqual(tenantOf({ authorization: 'Bearer a' }), tenantOf({ authorization: 'Bearer b' }));
  assert.equal(tenantOf({}), '');
  assert.equal(tenantOf({ 'x-api-key': 'a' }), tenantOf({ authorization: 'Bearer a' }));
  assert.doesNotMatch(tenantOf({ authorization: 'Bearer secret' }), /secret/);
});
