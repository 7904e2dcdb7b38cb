import assert from 'node:assert/strict';
import { fork, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { adoptPins, takeOver } from '../pins/adopted-parts.ts';
import { findPinFolders, type PinFolder, pinFolderFor, sweepPins } from '../pins/pin-folder.ts';
import { prepareBpffs } from '../pins/prepare-bpffs.ts';
import { capabilitiesOf } from '../programs/capabilities.ts';
import { readerIdentity } from '../privileges/become-reader.ts';
import { gone, isInKernel, type KernelObject } from '../testing/kernel-objects.ts';
import { requireKernel } from '../testing/requirements.ts';
import type { LoaderRequest } from './loader-request.ts';
import { runLoader } from './run-loader.ts';

const script = fileURLToPath(new URL('../testing/kernel-reader.entry.ts', import.meta.url));
const bytes = readFileSync(new URL('../../fixtures/syscall-count.bpf.o', import.meta.url));

function requirePrivileges(t: TestContext): boolean {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'])) return false;
  prepareBpffs();
  return true;
}

function requestFor(folder: PinFolder): LoaderRequest {
  return {
    folder: folder.path,
    objects: [
      {
        bytes,
        allowsUnsigned: true,
        options: { constants: { target_thread: process.pid } },
        maps: ['events'],
        entries: [{ map: 'counts', key: 3, value: new Uint8Array(8).fill(7) }],
        links: [{ name: 'syscalls', program: 'count_syscalls', hook: { kind: 'raw-tracepoint' } }],
      },
    ],
  };
}

for (const mode of ['start', 'hand-over']) {
  test(`the reader has no capability in any thread, cannot get one, and receives every event (${mode})`, (t) => {
    if (!requirePrivileges(t)) return;
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [...process.execArgv, script, mode],
      { encoding: 'utf8', timeout: 30_000 },
    );
    assert.equal(status, 0, stderr);
    const found = JSON.parse(stdout) as {
      count: number;
      tasks: string[];
      attempted: number;
      links: string[];
      uid: number;
      runs?: number;
    };
    assert.ok(
      found.count >= 500 && found.count <= found.attempted,
      `${found.count} of ${found.attempted}`,
    );
    assert.deepEqual(found.links, ['syscalls']);
    // The count of runs, and the program, were left to it too.
    if (mode === 'hand-over') assert.ok((found.runs ?? 0) > 500, `${found.runs} runs`);
    assert.equal(
      found.uid,
      (readerIdentity([script, process.execPath]) ?? { uid: process.getuid?.() }).uid,
    );
    assert.ok(found.tasks.length >= 2, 'Node has several threads');
    for (const task of found.tasks) {
      assert.equal(capabilitiesOf(task).size, 0);
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        assert.match(task, new RegExp(`^${set}:\\s*0+$`, 'm'));
      }
      assert.match(task, /^NoNewPrivs:\s*1$/m);
    }
    assert.deepEqual(
      findPinFolders().filter(({ name }) => name === 'test'),
      [],
    );
  });
}

test('a process that is killed leaves nothing in the kernel that it did not pin', async (t) => {
  if (!requirePrivileges(t)) return;
  const holding = spawn(process.execPath, [...process.execArgv, script, 'hold'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(holding.stdout, 'data')) as [Buffer];
  const held = JSON.parse(line.toString()) as readonly KernelObject[];
  assert.equal(held.filter(isInKernel).length, 3);
  holding.kill('SIGKILL');
  await once(holding, 'close');
  assert.ok(await gone(held), `still there: ${JSON.stringify(held.filter(isInKernel))}`);
});

test('a descriptor that is none is not taken over', () => {
  assert.throws(() => takeOver({ maps: { events: 9_999 }, links: {}, programs: {} }), {
    code: 'BPF_PRIVILEGE_FAILED',
    message: /9999.*EBADF/,
  });
});

test('a loader keeps three capabilities in all its threads, and a fourth where it is to give pins away', async (t) => {
  if (!requirePrivileges(t)) return;
  const entry = fileURLToPath(new URL('./loader.entry.ts', import.meta.url));
  const [three, four] = [(1n << 39n) | (1n << 38n) | (1n << 12n), 1n];
  for (const [args, kept] of [
    [[], three],
    [['gives'], three | four],
  ] as const) {
    const loader = fork(entry, args, { serialization: 'advanced', stdio: [0, 1, 2, 'ipc'] });
    t.after(() => loader.kill('SIGKILL'));
    assert.deepEqual(await once(loader, 'message'), ['ready', undefined]);
    const tasks = readdirSync(`/proc/${loader.pid}/task`);
    assert.ok(tasks.length >= 2, 'Node has several threads');
    for (const task of tasks) {
      const status = readFileSync(`/proc/${loader.pid}/task/${task}/status`, 'utf8');
      for (const set of ['CapPrm', 'CapEff', 'CapBnd']) {
        const found = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
        assert.equal(BigInt(`0x${found}`), kept, `${set} of a thread of ${args.join()}`);
      }
    }
    const exit = once(loader, 'exit');
    loader.kill('SIGKILL');
    await exit;
  }
});

test('each link is told by itself: attached, or why not', async (t) => {
  if (!requirePrivileges(t)) return;
  const folder = pinFolderFor({ name: 'links' });
  const request = requestFor(folder);
  const [object] = request.objects;
  assert.ok(object);
  const hook = { kind: 'raw-tracepoint', name: 'no_such' } as const;
  const links = [
    ...object.links,
    { name: 'nowhere', program: 'count_syscalls', hook },
    { name: 'refused', program: 'refused', hook },
  ];
  const [report] = await runLoader({ ...request, objects: [{ ...object, links }] });
  try {
    assert.deepEqual(
      report?.links.map(({ name, outcome, code }) => [name, outcome, code]),
      [
        ['syscalls', 'attached', undefined],
        ['nowhere', 'failed', 'BPF_ATTACH_FAILED'],
        ['refused', 'failed', 'BPF_VERIFIER_REJECTED'],
      ],
    );
    assert.equal(report?.load?.provenance.kind, 'unsigned');
    assert.deepEqual(folder.list('maps'), ['events']);
    assert.deepEqual(folder.list('links'), ['syscalls']);
  } finally {
    folder.remove();
  }
  assert.equal(existsSync(folder.path), false);
});

test('what was adopted without its pins goes when it is disposed; what keeps them is adopted again', async (t) => {
  if (!requirePrivileges(t)) return;
  const folder = pinFolderFor({ name: 'adopt' });
  const request = requestFor(folder);
  await runLoader({
    ...request,
    objects: request.objects.map((object) => ({ ...object, maps: ['events', 'counts'] })),
  });
  {
    using kept = adoptPins(folder, { keepsPins: true });
    assert.deepEqual(kept.mapNames, ['counts', 'events']);
    assert.deepEqual(kept.map('counts').lookup(3), new Uint8Array(8).fill(7));
  }
  const adopted = adoptPins(folder);
  assert.equal(existsSync(folder.path), false);
  assert.throws(() => adopted.map('nobody'), { code: 'BPF_MAP_UNKNOWN' });
  assert.throws(() => adopted.detach('nobody'), { code: 'BPF_ATTACH_FAILED' });
  adopted.detach('syscalls');
  assert.deepEqual(adopted.linkNames, []);
  adopted[Symbol.dispose]();
  assert.throws(() => adopted.map('events'), { code: 'BPF_CLOSED' });
});

test('an object that nobody signed is refused in the loader, and told', async (t) => {
  if (!requirePrivileges(t)) return;
  const folder = pinFolderFor({ name: 'unsigned' });
  const request = requestFor(folder);
  const objects = request.objects.map((object) => ({ ...object, allowsUnsigned: false }));
  const [report] = await runLoader({ ...request, objects });
  folder.remove();
  assert.equal(report?.code, 'BPF_SIGNATURE_MISSING');
  assert.deepEqual(report?.links, []);
});

test('a loader that hangs is killed, and nothing of it is left', async (t) => {
  if (!requirePrivileges(t)) return;
  const folder = pinFolderFor({ name: 'slow' });
  await assert.rejects(runLoader(requestFor(folder), { loadMsMax: 1 }), {
    code: 'BPF_LOADER_FAILED',
  });
  assert.equal(existsSync(folder.path), false);
});

test('a folder that is there already is not loaded into', async (t) => {
  if (!requirePrivileges(t)) return;
  const folder = pinFolderFor({ name: 'twice' });
  folder.create();
  await assert.rejects(runLoader(requestFor(folder)), { code: 'BPF_PIN_FAILED' });
  folder.remove();
});

test('what a crash leaves is found and removed, and what runs is left alone', async (t) => {
  if (!requirePrivileges(t)) return;
  const own = pinFolderFor({ name: 'own' });
  own.create();
  const crashing = spawn(process.execPath, [...process.execArgv, script, 'pins'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(crashing.stdout, 'data')) as [Buffer];
  const { folder } = JSON.parse(line.toString()) as { folder: string };
  crashing.kill('SIGKILL');
  await once(crashing, 'close');
  assert.ok(existsSync(folder), 'the pins outlived their process');
  assert.ok(sweepPins().includes('test'));
  assert.equal(existsSync(folder), false);
  assert.equal(existsSync(own.path), true);
  own.remove();
});
