import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { readObjectSpec } from '../../packages/bpf/src/index.ts';
import { compileObject, findCompiler, objectOf, objectSources } from './compile-object.ts';

const root = dirname(dirname(import.meta.dirname));
const sources = objectSources(root);

test('there are sources of objects', () => {
  assert.ok(sources.length >= 5, `${sources.length} were found`);
});

for (const source of sources) {
  test(`${objectOf(source)} is what its source makes it (else: npm run objects)`, (t) => {
    const compiler = findCompiler();
    if (typeof compiler === 'string') return t.skip(`needs a compiler: ${compiler}`);
    const committed = readFileSync(join(root, objectOf(source)));
    const made = compileObject(join(root, source), compiler);
    assert.ok(
      made.equals(committed),
      `${made.byteLength} bytes, committed are ${committed.byteLength}`,
    );
  });

  test(`${objectOf(source)} names no path of one machine`, () => {
    const text = readFileSync(join(root, objectOf(source)), 'latin1');
    assert.equal(readObjectSpec(Buffer.from(text, 'latin1')).license, 'GPL');
    const own = dirname(root);
    assert.ok(own.length > 1 && !text.includes(own), `it holds ${own}`);
  });
}
