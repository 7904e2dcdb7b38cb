import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { findLlamaFile, libraryFile } from './library-file.ts';

function folderWith(t: TestContext, files: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-libraries-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const file of files) writeFileSync(join(folder, file), '');
  return folder;
}

function found(folder: string): readonly string[] {
  return (['ggml-base', 'ggml', 'llama'] as const).map((name) =>
    libraryFile(folder, name).slice(folder.length + 1),
  );
}

test('libraries are found under the names that packages of each accelerator give them', (t) => {
  const others = ['libllama-common.so', 'libggml-cpu-x64.so', 'llama-addon.node'];
  const plain = ['libggml-base.so', 'libggml.v0.5.0.so', 'libllama.v0.5.0.so'];
  const vulkan = ['libggml-base.so', 'libggml.vulkan.v0.5.0.so', 'libllama.vulkan.v0.5.0.so'];
  const windows = ['ggml-base.dll', 'ggml.dll', 'llama.dll'];
  for (const files of [plain, vulkan, windows])
    assert.deepEqual(found(folderWith(t, [...others, 'libggml-vulkan.so', ...files])), files);
});

test('a library that is not there is told of by the name that was looked for', (t) => {
  assert.throws(() => libraryFile(folderWith(t, ['libllama-common.so']), 'llama'), /llama/);
});

test('the file that an engine of this program loads is there', () => {
  assert.ok(existsSync(findLlamaFile()));
});
