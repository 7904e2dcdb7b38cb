import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { takeLock } from './lock.ts';

/** Another process that takes a lock, says so, and keeps it until its input ends. */
async function startHolder(path: string): Promise<ChildProcess> {
  const code = `
    const { takeLock } = await import(${JSON.stringify(import.meta.resolve('./lock.ts'))});
    await using lock = await takeLock(${JSON.stringify(path)});
    process.stdout.write('held');
    for await (const _ of process.stdin);`;
  const child = spawn(
    process.execPath,
    ['--conditions=@millrace/source', '--input-type=module', '--eval', code],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  await once(child.stdout, 'data');
  return child;
}

/** The id of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

test('one of two processes waits, says for whom, and has it afterwards', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'm.lock');
  const holder = await startHolder(path);
  const told: string[] = [];
  const ended = once(holder, 'exit');
  {
    await using _lock = await takeLock(path, {
      onWait: (name) => {
        told.push(name);
        holder.stdin?.end();
      },
    });
    await ended;
  }
  assert.deepEqual(told, [`process ${holder.pid}`]);
  assert.deepEqual(await readdir(folder.path), []);
});

test('the lock of a process that was killed is taken over', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'm.lock');
  const holder = await startHolder(path);
  const ended = once(holder, 'exit');
  holder.kill('SIGKILL');
  await ended;
  await using _lock = await takeLock(path, { waitMsMax: 0 });
  assert.match(await readFile(path, 'utf8'), new RegExp(`"pid":${process.pid},`));
});

test('a holder elsewhere counts as gone when it has long been silent, and not before', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'm.lock');
  await writeFile(path, JSON.stringify({ host: `not-${hostname()}`, pid: deadPid() }));
  await assert.rejects(takeLock(path, { waitMsMax: 0 }), {
    code: 'SERVER_MODEL_UNAVAILABLE',
    message: new RegExp(`wait for .*m.lock: process \\d+ on not-${hostname()} still holds it`),
  });
  const longAgo = new Date(Date.now() - 3_600_000);
  await utimes(path, longAgo, longAgo);
  await using _lock = await takeLock(path, { waitMsMax: 0 });
});

test('who was thought dead does not let go what another has taken since', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'm.lock');
  const lock = await takeLock(path);
  await writeFile(path, 'of another');
  await lock[Symbol.asyncDispose]();
  assert.equal(await readFile(path, 'utf8'), 'of another');
});

test('waiting ends with the signal', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'm.lock');
  await using _lock = await takeLock(path);
  const stop = new AbortController();
  const second = takeLock(path, { signal: stop.signal, onWait: () => stop.abort() });
  await assert.rejects(second, { name: 'AbortError' });
});
