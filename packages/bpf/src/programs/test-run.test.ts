import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { loadObject } from '../load/load-object.ts';
import { verifyObject } from '../signing/signature.ts';
import { requireKernel } from '../testing/requirements.ts';
import { TestRun } from './test-run.ts';

const bytes = readFileSync(new URL('../../fixtures/hooks.bpf.o', import.meta.url));

test('runs a program over bytes without attaching it, as often as asked', (t) => {
  if (!requireKernel(t)) return;
  using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }), {
    only: ['on_packet', 'on_trace'],
  });
  using run = new TestRun(loaded.program('on_packet'), new Uint8Array(64));
  assert.equal(run.run(1_000).result, 0);
  const hits = loaded.map('hits').lookupPerCpu(6) ?? [];
  const sum = hits.reduce((total, value) => total + Buffer.from(value).readBigUInt64LE(), 0n);
  assert.equal(sum, 1_000n);
  using untestable = new TestRun(loaded.program('on_trace'), new Uint8Array(64));
  assert.throws(() => untestable.run(1), { code: 'BPF_LOAD_FAILED', message: /on_trace/ });
});
