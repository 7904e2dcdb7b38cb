import assert from 'node:assert/strict';
import test from 'node:test';
import { loadObject, prepareBpffs, readSignedObject } from '@millrace/bpf';
import { requireKernel } from '@millrace/bpf/testing';
import { comparedPrograms } from './program-cost.ts';
import { runAtRate } from './ring-rate.ts';

const object = new URL('../../bpf/kernel-cost.bpf.o', import.meta.url);

test('every program that is compared loads', (t) => {
  if (!requireKernel(t)) return;
  using loaded = loadObject(readSignedObject(object, { trustsDevelopmentKey: true }));
  for (const name of Object.keys(comparedPrograms)) assert.ok(loaded.program(name).fd > 0);
});

test('a reader on another processor accounts for every sample, by timer and by epoll', async (t) => {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_SYS_ADMIN'])) return;
  prepareBpffs();
  using loaded = loadObject(readSignedObject(object, { trustsDevelopmentKey: true }));
  for (const wait of ['timer', 'epoll'] as const) {
    const run = await runAtRate(loaded, { eventsPerSecond: 20_000, seconds: 0.3, wait });
    assert.equal(run.attempted, 6_000);
    assert.equal(run.delivered + run.dropped, run.attempted);
    assert.equal(run.outOfOrder, 0);
    assert.ok(run.readerUsPerEvent > 0);
  }
});
