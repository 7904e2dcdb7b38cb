import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadObject, verifyObject } from '@millrace/bpf';
import { requireCommand, requireKernel } from '@millrace/bpf/testing';

const folder = fileURLToPath(new URL('../bpf/', import.meta.url));
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.bpf.c'))
  .map((name) => name.slice(0, -2));

test('there are programs', () => {
  assert.ok(names.length > 0);
});

for (const name of names) {
  test(`${name}.o is what its source compiles to`, (t) => {
    if (!requireCommand(t, 'clang-14') || !requireCommand(t, 'llvm-strip-14')) return;
    const work = mkdtempSync(join(tmpdir(), 'millrace-objects-'));
    try {
      cpSync(folder, work, { recursive: true });
      const flags = `-O2 -g -target bpf -mcpu=v3 -I/usr/include/x86_64-linux-gnu -Wall -Werror -ffile-prefix-map=${work}=. -fdebug-compilation-dir=.`;
      execFileSync('clang-14', [...flags.split(' '), '-c', `${name}.c`, '-o', `${name}.o`], {
        cwd: work,
      });
      execFileSync('llvm-strip-14', ['-g', `${name}.o`], { cwd: work });
      assert.deepEqual(
        readFileSync(join(work, `${name}.o`)),
        readFileSync(join(folder, `${name}.o`)),
      );
    } finally {
      rmSync(work, { recursive: true });
    }
  });

  test(`every program of ${name}.o is taken by this kernel`, (t) => {
    if (!requireKernel(t)) return;
    const bytes = readFileSync(join(folder, `${name}.o`));
    using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }));
    const { programs } = loaded.report;
    assert.deepEqual(
      programs
        .filter(({ outcome }) => outcome !== 'loaded')
        .map(({ name: program, reason }) => `${program}: ${reason}`),
      [],
    );
  });
}
