import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { resolveWatch } from './watch-choice.ts';

interface FakeProcess {
  readonly pid: number;
  readonly parent: number;
  readonly comm: string;
  readonly inodes: readonly number[];
}

/** A /proc of one network namespace, in which sockets of these inodes listen on these ports. */
async function fakeProc(
  path: string,
  listening: Readonly<Record<number, number>>,
  processes: readonly FakeProcess[],
): Promise<void> {
  const rows = Object.entries(listening).map(([inode, port]) => {
    const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    return `   0: ${local} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 ${inode} 1`;
  });
  const established =
    '   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 9 1';
  for (const { pid, parent, comm, inodes } of processes) {
    const folder = join(path, String(pid));
    await mkdir(join(folder, 'fd'), { recursive: true });
    await mkdir(join(folder, 'ns'));
    await mkdir(join(folder, 'net'));
    await writeFile(join(folder, 'stat'), `${pid} (${comm}) S ${parent} 1 1`);
    await symlink('net:[1]', join(folder, 'ns/net'));
    await writeFile(join(folder, 'net/tcp'), ['  sl', ...rows, established, ''].join('\n'));
    for (const [at, inode] of inodes.entries())
      await symlink(`socket:[${inode}]`, join(folder, 'fd', String(at)));
  }
}

const listening = { 1: 8000, 2: 9000, 3: 8001 };
const processes: readonly FakeProcess[] = [
  { pid: 1_000_010, parent: 1, comm: 'vllm (main) x', inodes: [1, 9] },
  { pid: 1_000_011, parent: 1_000_010, comm: 'worker', inodes: [3] },
  { pid: 1_000_020, parent: 1, comm: 'node', inodes: [2] },
];

test('servers are found by what they listen on; names with brackets are read whole', async () => {
  await using folder = await temporaryFolder();
  await fakeProc(folder.path, listening, processes);
  const { servers, filter, tellsAll } = resolveWatch({}, folder.path);
  assert.deepEqual(servers, [
    { tgid: 1_000_010, comm: 'vllm (main) x', ports: [8000] },
    { tgid: 1_000_011, comm: 'worker', ports: [8001] },
    { tgid: 1_000_020, comm: 'node', ports: [9000] },
  ]);
  assert.deepEqual(filter, { ports: [8000, 8001, 9000] });
  assert.equal(tellsAll, false);
});

test('a process is watched with what it has forked', async () => {
  await using folder = await temporaryFolder();
  await fakeProc(folder.path, listening, processes);
  const { filter, tellsAll } = resolveWatch({ pid: 1_000_010 }, folder.path);
  assert.deepEqual(filter, { ports: [8000, 8001], tgids: [1_000_010, 1_000_011] });
  assert.equal(tellsAll, true);
});

test('a port, a name and a cgroup narrow what is watched', async () => {
  await using folder = await temporaryFolder();
  const proc = join(folder.path, 'proc');
  await fakeProc(proc, listening, processes);
  assert.deepEqual(resolveWatch({ port: 9000 }, proc).filter, { ports: [9000] });
  assert.deepEqual(resolveWatch({ comm: 'node' }, proc).filter, {
    ports: [9000],
    tgids: [1_000_020],
    comm: 'node',
  });
  const cgroup = join(folder.path, 'cgroup');
  await mkdir(join(cgroup, 'below'), { recursive: true });
  await writeFile(join(cgroup, 'cgroup.procs'), '1000020\n');
  await writeFile(join(cgroup, 'below', 'cgroup.procs'), '1000011\n');
  assert.deepEqual(resolveWatch({ cgroup }, proc).filter, {
    ports: [9000, 8001].toSorted(),
    tgids: [1_000_020, 1_000_011],
  });
  assert.throws(
    () => resolveWatch({ cgroup: join(cgroup, 'none') }, proc),
    /--cgroup .*there is no cgroup\.procs/,
  );
});
