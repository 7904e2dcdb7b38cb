import assert from 'node:assert/strict';
import test from 'node:test';
import { keyHashOf, TenantDirectory } from './tenant-directory.ts';

const directory = new TenantDirectory([
  {
    name: 'left',
    keyHashes: [keyHashOf('key-1').toUpperCase(), keyHashOf('key-2')],
    models: undefined,
  },
  { name: 'right', keyHashes: [keyHashOf('key-3')], models: ['small'] },
]);

function nameFor(headers: Parameters<typeof directory.identify>[0]): string | undefined {
  const identified = directory.identify(headers);
  return identified.kind === 'known' ? identified.tenant.name : undefined;
}

test('knows a tenant by each of its keys, in the headers of both APIs', () => {
  assert.equal(nameFor({ authorization: 'Bearer key-1' }), 'left');
  assert.equal(nameFor({ authorization: 'bearer  key-2' }), 'left');
  assert.equal(nameFor({ 'x-api-key': 'key-3' }), 'right');
});

test('refuses what is no key of a tenant, without repeating it', () => {
  for (const headers of [
    {},
    { authorization: 'key-1' },
    { authorization: 'Bearer key-1 key-2' },
    { authorization: `Bearer ${keyHashOf('key-1')}` },
    { 'x-api-key': '' },
    { 'x-api-key': ['key-1', 'key-3'] },
    { authorization: 'Bearer secret-of-somebody' },
  ]) {
    const identified = directory.identify(headers);
    assert.ok(identified.kind === 'refused', JSON.stringify(headers));
    assert.equal(identified.error.status, 401);
    assert.doesNotMatch(identified.error.message, /secret/);
  }
});

test('a name that no header can carry is a bug', () => {
  const tenant = { name: 'a\r\nb: c', keyHashes: [], models: undefined };
  assert.throws(() => new TenantDirectory([tenant]), /cannot be sent/);
});
