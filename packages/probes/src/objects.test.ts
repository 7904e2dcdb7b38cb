import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadObject, verifyObject } from '@millrace/bpf';
import { requireKernel } from '@millrace/bpf/testing';

const folder = fileURLToPath(new URL('../bpf/', import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith('.bpf.o'));

test('there are programs', () => {
  assert.ok(names.length > 0);
});

for (const name of names) {
  test(`every program of ${name} is taken by this kernel`, (t) => {
    if (!requireKernel(t)) return;
    const bytes = readFileSync(`${folder}${name}`);
    using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }));
    assert.deepEqual(
      loaded.report.programs
        .filter(({ outcome }) => outcome !== 'loaded')
        .map(({ name: program, reason }) => `${program}: ${reason}`),
      [],
    );
  });
}
