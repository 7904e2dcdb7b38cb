import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { generateAll } from './decoder-files.ts';

const root = dirname(dirname(import.meta.dirname));

test('every file of decoders is what its object makes it (else: npm run decoders)', () => {
  const files = generateAll(root);
  assert.ok(files.length >= 1, 'some package asks for decoders');
  for (const { path, text } of files) {
    assert.equal(readFileSync(join(root, path), 'utf8'), text, path);
  }
});
