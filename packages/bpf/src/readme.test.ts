import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireKernel } from './testing/requirements.ts';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const root = join(packageFolder, '..', '..');

test("the README's example runs from a clone, and shows system calls of its own process", (t) => {
  if (!requireKernel(t)) return;
  const readme = readFileSync(join(packageFolder, 'README.md'), 'utf8');
  const example = /^```ts\n([\s\S]*?)^```/m.exec(readme)?.[1] ?? assert.fail('no example');
  const end = readme.slice(0, readme.indexOf(example) + example.length).split('\n').length;
  assert.ok(end <= 25, `the example ends in line ${end}`);
  // In the clone, so that it finds the package by its name.
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache', 'readme-'));
  try {
    const script = join(folder, 'example.mts');
    writeFileSync(script, example);
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--conditions=@millrace/source', script],
      { cwd: root, encoding: 'utf8', timeout: 30_000 },
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^sys_enter Map\(\d+\) \{[\s\S]* \d+ => \d+/);
    assert.match(stdout, /\{ delivered: [1-9]\d*, discarded: 0, bytesBehind: \d+ \}/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
