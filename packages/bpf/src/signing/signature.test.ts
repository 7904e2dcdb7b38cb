import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import test from 'node:test';
import { keyIdOf, signObject, verifyObject } from './signature.ts';

const bytes = Buffer.from('any bytes are signed alike');
const ours = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');

test('names the key that signed an object, and its hash', () => {
  const signature = signObject(bytes, ours.privateKey);
  const provenance = verifyObject(bytes, { signature, keys: [other.publicKey, ours.publicKey] });
  assert.equal(provenance.kind, 'signed');
  assert.equal(provenance.keyId, keyIdOf(ours.publicKey));
  assert.match(provenance.objectHash, /^[0-9a-f]{64}$/);
});

test('refuses bytes that changed after they were signed', () => {
  const signature = signObject(bytes, ours.privateKey);
  const changed = Buffer.from(bytes);
  changed[3] = 0;
  assert.throws(() => verifyObject(changed, { signature, keys: [ours.publicKey] }), {
    code: 'BPF_SIGNATURE_INVALID',
  });
});

test('refuses a signature by a key that is not trusted, even where unsigned objects are allowed', () => {
  const signature = signObject(bytes, other.privateKey);
  assert.throws(
    () => verifyObject(bytes, { signature, keys: [ours.publicKey], allowsUnsigned: true }),
    { code: 'BPF_SIGNATURE_INVALID' },
  );
});

test('refuses a signature of the wrong length', () => {
  const signature = signObject(bytes, ours.privateKey).subarray(0, 63);
  assert.throws(() => verifyObject(bytes, { signature, keys: [ours.publicKey] }), {
    code: 'BPF_SIGNATURE_INVALID',
    message: /63 bytes/,
  });
});

test('takes an unsigned object only where that is allowed', () => {
  assert.throws(() => verifyObject(bytes, {}), { code: 'BPF_SIGNATURE_MISSING' });
  assert.equal(verifyObject(bytes, { allowsUnsigned: true }).kind, 'unsigned');
});

test('takes no key of another kind', () => {
  const { privateKey } = generateKeyPairSync('x25519');
  assert.throws(() => signObject(bytes, privateKey), { message: /x25519, not ed25519/ });
});
