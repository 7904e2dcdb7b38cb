import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { dirname } from 'node:path';
import test from 'node:test';
import { developmentKey, keyIdOf } from '../../packages/bpf/src/index.ts';
import { developmentPrivateKey } from './development-key.ts';
import { objectPaths, signatureProblems } from './sign-objects.ts';

const root = dirname(dirname(import.meta.dirname));

test('every committed object has a signature (else: npm run sign)', () => {
  assert.ok(objectPaths(root).length >= 5);
  assert.deepEqual(signatureProblems(root, 'any'), []);
});

test('the development key of the package is the one that the tool signs by', () => {
  assert.equal(keyIdOf(createPublicKey(developmentPrivateKey())), keyIdOf(developmentKey()));
});
