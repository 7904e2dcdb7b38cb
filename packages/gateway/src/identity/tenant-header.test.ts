import assert from 'node:assert/strict';
import test from 'node:test';
import { tenantOf } from './tenant-header.ts';

test('the same key is the same tenant, another one is another, none is nobody', () => {
  assert.equal(tenantOf({ authorization: 'Bearer a' }), tenantOf({ authorization: 'Bearer a' }));
  assert.notEqual(tenantOf({ authorization: 'Bearer a' }), tenantOf({ authorization: 'Bearer b' }));
  assert.equal(tenantOf({}), '');
  assert.equal(tenantOf({ 'x-api-key': 'a' }), tenantOf({ authorization: 'Bearer a' }));
  assert.doesNotMatch(tenantOf({ authorization: 'Bearer secret' }), /secret/);
});
