import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  findPinnedNode,
  pinnedPackages,
  pinnedVersion,
  refusalOfNode,
} from '../../packages/server/bin/pinned-node.js';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const launcher = pathToFileURL(join(root, 'packages', 'server', 'bin', 'pinned-node.js')).href;
const packageHere = pinnedPackages[`${process.platform}-${process.arch}`] ?? '';

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

async function end(child: ChildProcess): Promise<Ended> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { code, signal, stderr };
}

/** A clone without packages, where "npm" is a shell script. */
class BareClone implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-clone-'));

  constructor(npm: string) {
    for (const path of [
      'package.json',
      'package-lock.json',
      'tools/setup.mjs',
      'tools/setup',
      'packages/server/bin',
    ]) {
      cpSync(join(root, path), join(this.folder, path), { recursive: true });
    }
    const path = join(this.folder, 'commands', 'npm');
    mkdirSync(dirname(path));
    writeFileSync(path, `#!/bin/sh\n${npm}\n`);
    chmodSync(path, 0o755);
  }

  setUp(...args: readonly string[]): Promise<Ended> {
    const { npm_execpath: _, ...env } = process.env;
    const path = `${join(this.folder, 'commands')}${delimiter}${process.env['PATH'] ?? ''}`;
    const command = [join(this.folder, 'tools', 'setup.mjs'), ...args];
    return end(
      spawn(process.execPath, command, {
        env: { ...env, PATH: path },
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const needsShell = process.platform === 'win32' ? 'needs a POSIX shell' : false;

test('finds the pinned Node of this clone, and none where there is none', () => {
  assert.ok(existsSync(findPinnedNode(join(root, 'tools')) ?? ''));
  assert.equal(findPinnedNode(tmpdir()), undefined);
});

test('refuses another Node unless the user insists', () => {
  assert.equal(refusalOfNode(pinnedVersion, {}), undefined);
  assert.equal(refusalOfNode('20.0.0', { MILLRACE_ANY_NODE: '1' }), undefined);
  const refusal = refusalOfNode('20.0.0', {}) ?? '';
  for (const part of ['20.0.0', pinnedVersion, 'Mend:']) assert.ok(refusal.includes(part), refusal);
});

test('names the tasks when the asked one does not exist', async () => {
  const child = spawn(process.execPath, [join(root, 'tools', 'setup.mjs'), 'lunch'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const { code, stderr } = await end(child);
  assert.equal(code, 1);
  assert.match(stderr, /no task "lunch".*start, test/);
});

for (const [code, mend] of [
  ['ENOTFOUND', /registry cannot be reached[\s\S]*Mend: check the network/],
  ['ENOSPC', /disk is full[\s\S]*Mend: free/],
  ['E404', /lacks a package[\s\S]*Mend:/],
] as const) {
  test(`explains a set-up that ends in ${code}`, { skip: needsShell }, async () => {
    using clone = new BareClone(`echo "npm error code ${code}" >&2; exit 1`);
    const ended = await clone.setUp();
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, mend);
  });
}

test('says so when npm left the package with Node out', { skip: needsShell }, async () => {
  using clone = new BareClone('mkdir -p node_modules');
  const ended = await clone.setUp();
  assert.equal(ended.code, 1);
  assert.match(
    ended.stderr,
    new RegExp(`${packageHere}[\\s\\S]*Mend: remove the folder node_modules`),
  );
});

test('installs once, and nothing the second time', { skip: needsShell }, async () => {
  const folder = `node_modules/${packageHere}`;
  using clone = new BareClone(
    `echo ran >> calls; mkdir -p ${folder}/bin; touch ${folder}/bin/node; echo '{"version":"${pinnedVersion}"}' > ${folder}/package.json`,
  );
  assert.equal((await clone.setUp()).code, 0);
  assert.equal((await clone.setUp()).code, 0);
  assert.equal(readFileSync(join(clone.folder, 'calls'), 'utf8'), 'ran\n');
});

test('two set-ups at once install once', { skip: needsShell }, async () => {
  const folder = `node_modules/${packageHere}`;
  using clone = new BareClone(
    `echo ran >> calls; mkdir -p ${folder}/bin; touch ${folder}/bin/node; echo '{"version":"${pinnedVersion}"}' > ${folder}/package.json`,
  );
  const ended = await Promise.all([clone.setUp(), clone.setUp()]);
  assert.deepEqual(
    ended.map(({ code }) => code),
    [0, 0],
  );
  assert.equal(readFileSync(join(clone.folder, 'calls'), 'utf8'), 'ran\n');
});

/** Hands over to a program by a child process, as a Node without execve does, or in place. */
function handOver(program: string, inPlace: boolean): ChildProcess {
  const source = `${inPlace ? '' : 'process.execve = undefined;'}
    const { continueAs } = await import(${JSON.stringify(launcher)});
    continueAs(process.execPath, ['--eval', ${JSON.stringify(program)}]);`;
  return spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

for (const inPlace of [true, false]) {
  const way = inPlace ? 'in place' : 'to a child';

  test(`handing over ${way} passes the exit code on`, async () => {
    assert.equal((await end(handOver('process.exit(7)', inPlace))).code, 7);
  });

  test(`handing over ${way} passes signals on`, { skip: needsShell }, async () => {
    const program =
      "process.on('SIGTERM', () => process.exit(3)); console.log('ready'); setInterval(() => {}, 1000)";
    const child = handOver(program, inPlace);
    assert.ok(child.stdout !== null);
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    assert.equal((await end(child)).code, 3);
  });

  test(
    `handing over ${way} ends by the signal that ended the program`,
    { skip: needsShell },
    async () => {
      const child = handOver(
        "process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000)",
        inPlace,
      );
      assert.equal((await end(child)).signal, 'SIGKILL');
    },
  );
}
