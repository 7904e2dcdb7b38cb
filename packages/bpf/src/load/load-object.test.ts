import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { attachRawTracepoint } from '../links/attach-tracepoint.ts';
import { openRingBuffer } from '../ring-buffer/ring-buffer.ts';
import { verifyObject } from '../signing/signature.ts';
import { requireKernel } from '../testing/requirements.ts';
import { loadObject } from './load-object.ts';

const bytes = readFileSync(new URL('../../fixtures/syscall-count.bpf.o', import.meta.url));
const verified = verifyObject(bytes, { allowsUnsigned: true });

test('loads what the verifier accepts and reports what it refuses, with the log', (t) => {
  if (!requireKernel(t)) return;
  using loaded = loadObject(verified);
  const { programs, provenance } = loaded.report;
  assert.equal(provenance.objectHash, verified.objectHash);
  assert.deepEqual(
    programs.map(({ name, outcome, code }) => [name, outcome, code]),
    [
      ['count_syscalls', 'loaded', undefined],
      ['refused', 'failed', 'BPF_VERIFIER_REJECTED'],
    ],
  );
  const refused = programs[1];
  assert.match(refused?.verifierLines.join('\n') ?? '', /map_value_or_null/);
  assert.ok((refused?.verifierLog.length ?? 0) > (refused?.verifierLines.join('\n').length ?? 0));
  assert.throws(() => loaded.program('refused'), { code: 'BPF_VERIFIER_REJECTED' });
  assert.ok(loaded.program('count_syscalls').fd > 0);
  assert.ok(loaded.program('count_syscalls').state().id > 0);
});

test('loads only what is asked for, sets constants, and delivers events through the ring', (t) => {
  if (!requireKernel(t)) return;
  using loaded = loadObject(verified, {
    only: ['count_syscalls'],
    constants: { target_thread: process.pid, discard_every: 5n },
    mapEntriesMax: { events: 131_072 },
  });
  assert.deepEqual(
    loaded.report.programs.map(({ name, outcome }) => [name, outcome]),
    [
      ['count_syscalls', 'loaded'],
      ['refused', 'skipped'],
    ],
  );
  assert.throws(() => loaded.program('refused'), { code: 'BPF_PROGRAM_NOT_LOADED' });
  assert.equal(loaded.map('events').state.entriesMax, 131_072);
  using ring = openRingBuffer(loaded.map('events'));
  {
    using _link = attachRawTracepoint(loaded.program('count_syscalls'));
    for (let call = 0; call < 100; call += 1) readFileSync('/proc/self/comm');
  }
  const sequences: bigint[] = [];
  const count = ring.drain((view, offset, byteLength) => {
    assert.equal(byteLength, 40);
    assert.equal(view.getUint32(offset + 8, true), process.pid);
    sequences.push(view.getBigUint64(offset, true));
  });
  assert.ok(count > 300, `${count} events`);
  const { delivered, discarded, bytesBehind } = ring.counters;
  assert.equal(delivered, count);
  assert.equal(bytesBehind, 0);
  const attempted = new DataView(
    loaded.map('counts').lookup(0)?.buffer ?? new ArrayBuffer(0),
  ).getBigUint64(0, true);
  assert.equal(BigInt(delivered + discarded), attempted, 'nothing was lost');
  assert.equal(discarded, Math.ceil(Number(attempted) / 5));
  assert.ok(sequences.every((sequence) => sequence % 5n !== 0n));
});
