import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { keyIdOf, signObject } from './signature.ts';
import { readSignedObject } from './signed-file.ts';
import { developmentKey, releaseKeys } from './trusted-keys.ts';

const fixture = new URL('../../fixtures/syscall-count.bpf.o', import.meta.url);

class ObjectFolder implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), 'millrace-signed-'));
  readonly object: string = join(this.#path, 'x.bpf.o');

  constructor() {
    copyFileSync(fixture, this.object);
  }

  sign(signature: Uint8Array | string): void {
    const text =
      typeof signature === 'string' ? signature : Buffer.from(signature).toString('base64');
    writeFileSync(`${this.object}.sig`, text);
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true });
  }
}

test('a committed object is trusted by the development key where that is asked for, and not otherwise', () => {
  const verified = readSignedObject(fixture, { trustsDevelopmentKey: true });
  assert.equal(verified.kind, 'signed');
  assert.equal(verified.keyId, keyIdOf(developmentKey()));
  assert.throws(() => readSignedObject(fixture), { code: 'BPF_SIGNATURE_INVALID' });
  assert.throws(() => readSignedObject(fixture, { allowsUnsigned: true }), {
    code: 'BPF_SIGNATURE_INVALID',
  });
});

test('the development key is no key of releases', () => {
  const own = keyIdOf(developmentKey());
  assert.ok(releaseKeys().every((key) => keyIdOf(key) !== own));
});

test('a key that is given takes the place of those of releases', () => {
  using folder = new ObjectFolder();
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  folder.sign(signObject(readFileSync(folder.object), privateKey));
  assert.equal(readSignedObject(folder.object, { keys: [publicKey] }).keyId, keyIdOf(publicKey));
  assert.throws(() => readSignedObject(folder.object, { trustsDevelopmentKey: true }), {
    code: 'BPF_SIGNATURE_INVALID',
  });
});

test('a file of a signature that holds something else is no signature', () => {
  using folder = new ObjectFolder();
  folder.sign('not base64 at all!');
  assert.throws(() => readSignedObject(folder.object, { allowsUnsigned: true }), {
    code: 'BPF_SIGNATURE_INVALID',
  });
});

test('without a file beside it an object is unsigned', () => {
  using folder = new ObjectFolder();
  assert.throws(() => readSignedObject(folder.object), { code: 'BPF_SIGNATURE_MISSING' });
  assert.equal(readSignedObject(folder.object, { allowsUnsigned: true }).kind, 'unsigned');
  assert.throws(() => readSignedObject(`${folder.object}.gone`), { code: 'BPF_OBJECT_INVALID' });
});
