import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { compileFaults, type FaultPrograms } from './compile-faults.ts';
import { CpuLimit, hierarchy } from './cpu-limit.ts';
import { FaultWorld, startHog } from './fault-world.ts';
import { ToldProcess } from './told-process.ts';
import { whyNoFaults } from './why-no-faults.ts';

const mark = '#mark#';

function requirePrograms(t: TestContext): FaultPrograms | undefined {
  const programs = compileFaults();
  const why = whyNoFaults() ?? ('unavailable' in programs ? programs.unavailable : undefined);
  if (why !== undefined || 'unavailable' in programs) {
    t.skip(why);
    return undefined;
  }
  return programs;
}

/** One stream through a world, as its client saw it. */
async function streamOnce(
  programs: FaultPrograms,
  world: FaultWorld,
  options: Readonly<Record<string, string | number>>,
): Promise<{ readonly gapsMs: readonly number[]; readonly isWhole: boolean }> {
  await using server = world.server([programs['stream-server']], options);
  const { port } = await server.line();
  await using client = world.client([programs['stream-client']], { port: Number(port) });
  const { events, isWhole } = await client.line();
  const times = events as readonly number[];
  const gapsMs = times.slice(1).map((time, index) => (time - (times[index] ?? 0)) / 1e6);
  return { gapsMs, isWhole: isWhole === true };
}

test('a stream crosses the wire whole, and the wire takes its time', async (t) => {
  const programs = requirePrograms(t);
  if (programs === undefined) return;
  await using world = await FaultWorld.open(programs, { 'delay-us': 1_000 });
  const { gapsMs, isWhole } = await streamOnce(programs, world, { tokens: 8, 'gap-us': 5_000 });
  assert.equal(isWhole, true);
  assert.equal(gapsMs.length, 8);
  assert.deepEqual(await world.losses(), []);
});

test('a marked packet is lost as often as told, and the kernel repairs it', async (t) => {
  const programs = requirePrograms(t);
  if (programs === undefined) return;
  await using world = await FaultWorld.open(programs, { 'delay-us': 1_000, mark, 'drop-times': 1 });
  const plan = { tokens: 4, 'gap-us': 5_000, mark, 'mark-at': 3 };
  const { gapsMs, isWhole } = await streamOnce(programs, world, plan);
  assert.equal(isWhole, true);
  assert.ok(Math.max(...gapsMs) > 100, `the longest gap has ${Math.max(...gapsMs)} ms`);
  const { server } = world.counters();
  assert.ok((server['TCPLossProbes'] ?? 0) + (server['TCPTimeouts'] ?? 0) > 0);
  assert.equal((await world.losses()).length, 1);
});

test('of a world nothing is left, also when what runs in it has failed', async (t) => {
  const programs = requirePrograms(t);
  if (programs === undefined) return;
  const processes: number[] = [];
  await assert.rejects(async () => {
    await using world = await FaultWorld.open(programs, {});
    await using server = world.server([programs['stream-server']], { tokens: 4 });
    await server.line();
    processes.push(server.processId);
    world.limitRate(1_000_000);
    await using client = world.client([programs['stream-client']], { port: 1 });
    processes.push(client.processId);
    await client.line();
  }, /ended before it told its result; connect: Connection refused/);
  assert.equal(processes.length, 2);
  for (const id of processes) assert.equal(existsSync(`/proc/${id}`), false);
});

test('what competes for the processor ends by itself, and no longer than allowed', async (t) => {
  const programs = requirePrograms(t);
  if (programs === undefined) return;
  await using hog = startHog(programs, { 'for-us': 1_000 });
  await assert.rejects(hog.line(), /it ended before/);
  await using long = startHog(programs, { 'for-us': 2_000_001 });
  await assert.rejects(long.line(), /it ended before/);
});

test('the group of a limited process is removed, also when the process has ended', async (t) => {
  if (requirePrograms(t) === undefined) return;
  const found = hierarchy({});
  if ('unavailable' in found) return t.skip(`needs a hierarchy: ${found.unavailable}`);
  for (const endsFirst of [false, true]) {
    await using child = new ToldProcess([process.execPath, '-e', 'setInterval(() => 0, 1000)']);
    const folder = join(found.root, `millrace-bench-${process.pid}-${child.processId}`);
    const limit = new CpuLimit(child.processId);
    limit.set(50_000);
    assert.ok(limit.throttledNs() >= 0);
    assert.equal(existsSync(folder), true);
    if (endsFirst) await child[Symbol.asyncDispose]();
    limit[Symbol.dispose]();
    assert.equal(existsSync(folder), false);
  }
});

test('a machine without a hierarchy for processors is told by what is missing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-cgroup-'));
  try {
    writeFileSync(join(folder, 'cgroup.subtree_control'), 'memory pids\n');
    const missing = hierarchy({ first: join(folder, 'cpu'), second: folder });
    assert.ok('unavailable' in missing);
    assert.match(missing.unavailable, /cgroup v1.*cgroup v2/);
    writeFileSync(join(folder, 'cgroup.subtree_control'), 'cpu memory\n');
    const roots = { first: join(folder, 'cpu'), second: folder };
    assert.deepEqual(hierarchy(roots), { version: 2, root: folder });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
