import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import test from 'node:test';
import type { BpfMap } from '../maps/bpf-map.ts';
import { loadObject } from '../load/load-object.ts';
import type { LoadedObject } from '../load/loaded-object.ts';
import type { ConstantValue } from '../load/write-constants.ts';
import { verifyObject } from '../signing/signature.ts';
import { requireKernel } from '../testing/requirements.ts';
import { attachCgroup } from './attach-cgroup.ts';
import { attachClassifier } from './attach-classifier.ts';
import { attachIterator, readIterator } from './attach-iterator.ts';
import { attachPerfEvent } from './attach-perf-event.ts';
import { attachTrace, attachTracepoint } from './attach-tracepoint.ts';
import { attachUprobe } from './attach-uprobe.ts';

const bytes = readFileSync(new URL('../../fixtures/hooks.bpf.o', import.meta.url));
const hooks = {
  trace: 0,
  tracepoint: 1,
  uprobe: 2,
  uretprobe: 3,
  perf: 4,
  sockops: 5,
  tc: 6,
  cgroup: 7,
};

function load(name: string, constants: Readonly<Record<string, ConstantValue>> = {}): LoadedObject {
  return loadObject(verifyObject(bytes, { allowsUnsigned: true }), {
    only: [name],
    constants: { target_thread: process.pid, ...constants },
  });
}

function hitsOf(map: BpfMap, hook: number): number {
  const values = map.lookupPerCpu(hook) ?? [];
  return values.reduce((sum, value) => sum + Number(Buffer.from(value).readBigUInt64LE()), 0);
}

test('a trace counts while its link is there, and not after', (t) => {
  if (!requireKernel(t)) return;
  using loaded = load('on_trace');
  const hits = loaded.map('hits');
  {
    using link = attachTrace(loaded.program('on_trace'));
    assert.ok(link.fd > 0);
    readFileSync('/proc/self/comm');
  }
  const during = hitsOf(hits, hooks.trace);
  assert.ok(during > 2, `${during} hits`);
  readFileSync('/proc/self/comm');
  assert.equal(hitsOf(hits, hooks.trace), during);
});

test('a closed link gives no descriptor', (t) => {
  if (!requireKernel(t)) return;
  using loaded = load('on_trace');
  const link = attachTrace(loaded.program('on_trace'));
  link[Symbol.dispose]();
  link[Symbol.dispose]();
  assert.throws(() => link.fd, { code: 'BPF_CLOSED' });
});

test('a tracepoint needs tracefs, and says so where it is not mounted', (t) => {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'])) return;
  using loaded = load('on_tracepoint');
  const attach = (): void => {
    using _link = attachTracepoint(loaded.program('on_tracepoint'), {
      category: 'sched',
      name: 'sched_process_exec',
    });
    execFileSync('true');
    assert.ok(hitsOf(loaded.map('hits'), hooks.tracepoint) >= 1);
  };
  try {
    attach();
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'BPF_TRACEFS_MISSING');
    assert.match((error as { needs?: string }).needs ?? '', /tracefs/);
  }
});

test('user space is probed at a symbol and at its return, with a cookie', (t) => {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'])) return;
  using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }), {
    only: ['on_uprobe', 'on_uretprobe'],
    constants: { target_thread: process.pid },
  });
  const place = { path: libcPath(), symbol: 'getppid', pid: process.pid };
  {
    using _entry = attachUprobe(loaded.program('on_uprobe'), { ...place, cookie: 77n });
    using _return = attachUprobe(loaded.program('on_uretprobe'), { ...place, isReturn: true });
    for (let call = 0; call < 5; call += 1) assert.ok(process.ppid > 0);
  }
  assert.equal(process.ppid > 0, true);
  assert.equal(hitsOf(loaded.map('hits'), hooks.uprobe), 5);
  assert.equal(hitsOf(loaded.map('hits'), hooks.uretprobe), 5);
  assert.equal(Buffer.from(loaded.map('cookies').lookup(77n) ?? []).readBigUInt64LE(), 5n);
});

test('a symbol that is not there is refused, by file and name', (t) => {
  if (!requireKernel(t)) return;
  using loaded = load('on_uprobe');
  const options = { path: libcPath(), symbol: 'no_such_function' };
  assert.throws(() => attachUprobe(loaded.program('on_uprobe'), options), {
    code: 'BPF_ATTACH_FAILED',
    message: /libc.*no_such_function.*ENOENT/,
  });
});

test('an event samples this process', (t) => {
  if (!requireKernel(t)) return;
  using loaded = load('on_perf_event');
  // Software event 0 is the clock of the processor.
  using _link = attachPerfEvent(loaded.program('on_perf_event'), {
    type: 1,
    config: 0,
    hertz: 1_000,
    pid: process.pid,
  });
  const endsAt = performance.now() + 2_000;
  while (hitsOf(loaded.map('hits'), hooks.perf) < 5 && performance.now() < endsAt);
  assert.ok(hitsOf(loaded.map('hits'), hooks.perf) >= 5);
});

test('an iterator writes what its program found, once through', (t) => {
  if (!requireKernel(t)) return;
  using loaded = load('each_task');
  using link = attachIterator(loaded.program('each_task'));
  const found = readIterator(loaded.program('each_task'), link);
  const words = new Int32Array(found.buffer, found.byteOffset, found.byteLength / 4);
  assert.ok(words.length >= 4, 'this process has several threads');
  assert.ok(words.every((word, index) => index % 2 === 1 || word === process.pid));
  assert.throws(() => readIterator(loaded.program('each_task'), link, 4), {
    code: 'BPF_ITERATOR_FAILED',
  });
});

test('socket operations of a cgroup are seen, for the ports that are asked for', async (t) => {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'])) return;
  const root = cgroupRoot();
  if (root === undefined) return t.skip('needs the kernel: cgroup version 2, mounted');
  const home = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  const folder = `${root}/millrace-test-${process.pid}`;
  mkdirSync(folder);
  const server = createServer((socket) => socket.end('x'));
  try {
    // A socket belongs to the cgroup that its maker is in.
    writeFileSync(`${folder}/cgroup.procs`, String(process.pid));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    using loaded = load('on_sockops', { ports: [port] });
    {
      using link = attachCgroup(loaded.program('on_sockops'), folder);
      assert.equal(link.kind, 'cgroup');
      await fetchOnce(port);
    }
    assert.ok(hitsOf(loaded.map('hits'), hooks.sockops) >= 1);
  } finally {
    server.close();
    writeFileSync(`${root}${home}/cgroup.procs`, String(process.pid));
    rmdirSync(folder);
  }
});

test('a cgroup that is not there is refused by name', (t) => {
  if (!requireKernel(t)) return;
  using loaded = load('on_sockops');
  assert.throws(() => attachCgroup(loaded.program('on_sockops'), '/no/such/cgroup'), {
    code: 'BPF_ATTACH_FAILED',
    message: /no\/such\/cgroup/,
  });
});

for (const via of ['tcx', 'tc'] as const) {
  for (const direction of ['ingress', 'egress'] as const) {
    test(`packets of another network namespace are classified by ${via} on ${direction}`, (t) => {
      if (!requireKernel(t, ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'])) return;
      const name = `mr-bpf-${process.pid}`;
      const inside = (...args: string[]): void =>
        void execFileSync('ip', ['netns', 'exec', name, ...args], { stdio: 'ignore' });
      if (spawnSync('ip', ['netns', 'add', name]).status !== 0) {
        return t.skip('needs the kernel: network namespaces by ip(8)');
      }
      try {
        inside('ip', 'link', 'set', 'lo', 'up');
        using loaded = load('on_packet');
        const ping = (): void => inside(process.execPath, '-e', pingScript);
        const options = {
          interfaceName: 'lo',
          direction,
          networkNamespace: `/run/netns/${name}`,
          via,
        } as const;
        {
          using link = attachClassifier(loaded.program('on_packet'), options);
          assert.equal(link.kind, via);
          ping();
        }
        const during = hitsOf(loaded.map('hits'), hooks.tc);
        assert.ok(during >= 1, `${during} packets`);
        ping();
        assert.equal(hitsOf(loaded.map('hits'), hooks.tc), during);
      } finally {
        execFileSync('ip', ['netns', 'delete', name]);
      }
    });
  }
}

test('an interface that is not there is refused by name', (t) => {
  if (!requireKernel(t)) return;
  using loaded = load('on_packet');
  const options = { interfaceName: 'no-such', direction: 'ingress' } as const;
  assert.throws(() => attachClassifier(loaded.program('on_packet'), options), {
    code: 'BPF_ATTACH_FAILED',
    message: /no-such/,
  });
});

test('a tracepoint that the kernel lacks is told by name and need', (t) => {
  if (!requireKernel(t)) return;
  assert.throws(() => load('on_nothing'), {
    name: 'UnsupportedError',
    code: 'BPF_KERNEL_UNSUPPORTED',
    needs: /no_such_tracepoint/,
  });
});

const pingScript = `
const socket = require('node:dgram').createSocket('udp4');
socket.send('x', 9, '127.0.0.1', () => socket.close());`;

function libcPath(): string {
  const line = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .find((mapped) => mapped.endsWith('/libc.so.6'));
  return line?.split(/\s+/).at(-1) ?? assert.fail('no libc is mapped');
}

function cgroupRoot(): string | undefined {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find((fields) => fields[2] === 'cgroup2')?.[1];
}

async function fetchOnce(port: number): Promise<void> {
  const { connect } = await import('node:net');
  await new Promise<void>((resolve, reject) => {
    connect(port, '127.0.0.1')
      .on('error', reject)
      .on('close', () => resolve())
      .resume();
  });
}
