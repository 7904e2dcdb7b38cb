import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { attachRawTracepoint } from '../links/attach-tracepoint.ts';
import { loadObject } from '../load/load-object.ts';
import type { LoadedObject } from '../load/loaded-object.ts';
import { verifyObject } from '../signing/signature.ts';
import { requireKernel } from '../testing/requirements.ts';
import { openRingBuffer } from './ring-buffer.ts';
import type { RingOptions } from './ring-options.ts';

const bytes = readFileSync(new URL('../../fixtures/syscall-count.bpf.o', import.meta.url));

/** Far more than this thread writes between two looks, however long it is kept from looking. */
const ringBytes = 1_048_576;
const patienceMs = 60_000;

function load(t: TestContext): LoadedObject | undefined {
  if (!requireKernel(t)) return undefined;
  return loadObject(verifyObject(bytes, { allowsUnsigned: true }), {
    only: ['count_syscalls'],
    // The number of a process is that of its main thread.
    constants: { target_thread: process.pid },
    mapEntriesMax: { events: ringBytes },
  });
}

for (const wait of ['epoll', 'timer'] as const) {
  test(`batches come by ${wait}, complete and in order, until the signal aborts`, async (t) => {
    using loaded = load(t);
    if (loaded === undefined) return;
    const options: RingOptions = { wait, batchRecordsMax: 64 };
    using ring = openRingBuffer(loaded.map('events'), options);
    using _link = attachRawTracepoint(loaded.program('count_syscalls'));
    const stop = new AbortController();
    const sequences: number[] = [];
    const calls = setInterval(() => readFileSync('/proc/self/comm'), 20);
    t.after(() => clearInterval(calls));
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(patienceMs)]);
    for await (const batch of ring.batches({ signal })) {
      assert.ok(batch.count > 0 && batch.count <= 64);
      batch.forEach((view, offset) => sequences.push(Number(view.getBigUint64(offset, true))));
      if (sequences.length > 200) stop.abort();
    }
    assert.ok(sequences.length > 200, `${sequences.length} records`);
    const stray = sequences.findIndex((sequence, index) => sequence !== index);
    assert.equal(stray, -1, `record ${stray} says that it is number ${sequences[stray]}`);
  });
}

test('by epoll each batch comes by itself, with nothing else going on in this process', async (t) => {
  if (!requireKernel(t)) return;
  const script = "setInterval(() => require('node:fs').statSync('/'), 50)";
  const child = spawn(process.execPath, ['--eval', script], { stdio: 'ignore' });
  try {
    using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }), {
      only: ['count_syscalls'],
      constants: { target_thread: child.pid ?? 0 },
    });
    using ring = openRingBuffer(loaded.map('events'), { wait: 'epoll' });
    using _link = attachRawTracepoint(loaded.program('count_syscalls'));
    let batches = 0;
    for await (const batch of ring.batches({ signal: AbortSignal.timeout(patienceMs) })) {
      assert.ok(batch.count > 0);
      batches += 1;
      if (batches === 20) break;
    }
    assert.equal(batches, 20);
  } finally {
    child.kill();
  }
});

test('a lent batch keeps its room until the next one is asked for', async (t) => {
  using loaded = load(t);
  if (loaded === undefined) return;
  using ring = openRingBuffer(loaded.map('events'));
  using _link = attachRawTracepoint(loaded.program('count_syscalls'));
  readFileSync('/proc/self/comm');
  for await (const batch of ring.batches()) {
    let first: number | undefined;
    batch.forEach((view, offset) => (first ??= Number(view.getBigUint64(offset, true))));
    assert.equal(first, 0);
    // More than the ring holds: what is lent is not overwritten.
    for (let call = 0; call < 10_000; call += 1) readFileSync('/proc/self/comm');
    let again: number | undefined;
    batch.forEach((view, offset) => (again ??= Number(view.getBigUint64(offset, true))));
    assert.equal(again, 0);
    break;
  }
});

test('disposing ends the wait, and views fail instead of reaching memory that is gone', async (t) => {
  using loaded = load(t);
  if (loaded === undefined) return;
  const ring = openRingBuffer(loaded.map('events'));
  let kept: DataView | undefined;
  {
    using _link = attachRawTracepoint(loaded.program('count_syscalls'));
    readFileSync('/proc/self/comm');
  }
  ring.drain((view) => (kept = view));
  setTimeout(() => ring[Symbol.dispose](), 20);
  for await (const batch of ring.batches()) assert.fail(`${batch.count} records of nobody`);
  assert.throws(() => kept?.getUint8(0), TypeError);
  assert.throws(() => ring.counters, { code: 'BPF_CLOSED' });
  assert.throws(() => ring.drain(() => undefined), { code: 'BPF_CLOSED' });
});

test('no map of another kind is read as a ring', (t) => {
  using loaded = load(t);
  if (loaded === undefined) return;
  assert.throws(() => openRingBuffer(loaded.map('counts')), {
    code: 'BPF_RING_INVALID',
    message: /counts/,
  });
});

test('options out of bounds are refused by value and limit', (t) => {
  using loaded = load(t);
  if (loaded === undefined) return;
  const map = loaded.map('events');
  assert.throws(() => openRingBuffer(map, { restMsMin: 10, restMsMax: 5 }), {
    code: 'BPF_OPTION_INVALID',
  });
  assert.throws(() => openRingBuffer(map, { batchRecordsMax: 0 }), {
    code: 'BPF_OPTION_INVALID',
    message: /1 to/,
  });
});
