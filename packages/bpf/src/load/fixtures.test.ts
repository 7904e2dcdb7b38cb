import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { attachRawTracepoint, attachTrace } from '../links/attach-tracepoint.ts';
import { openRingBuffer } from '../ring-buffer/ring-buffer.ts';
import { verifyObject } from '../signing/signature.ts';
import { gone, isInKernel, kernelObjectOf } from '../testing/kernel-objects.ts';
import { requireKernel } from '../testing/requirements.ts';
import { loadObject } from './load-object.ts';

/** Programs that are there to be refused, by object. */
const refused: Readonly<Record<string, readonly string[]>> = {
  elsewhere: ['needs_member', 'needs_type'],
  hooks: ['on_nothing'],
  'syscall-count': ['refused'],
};

for (const [name, expected] of Object.entries(refused)) {
  test(`every program of ${name} loads on this kernel, but for those that are there to be refused`, (t) => {
    if (!requireKernel(t)) return;
    const bytes = readFileSync(new URL(`../../fixtures/${name}.bpf.o`, import.meta.url));
    using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }));
    const failed = loaded.report.programs.filter(({ outcome }) => outcome !== 'loaded');
    assert.deepEqual(
      failed.map((program) => program.name),
      expected,
    );
  });
}

test('nothing is left in the kernel once object, ring and links are disposed, also after a failure', async (t) => {
  if (!requireKernel(t, ['CAP_BPF', 'CAP_PERFMON', 'CAP_SYS_ADMIN'])) return;
  const hooks = readFileSync(new URL('../../fixtures/hooks.bpf.o', import.meta.url));
  const counts = readFileSync(new URL('../../fixtures/syscall-count.bpf.o', import.meta.url));
  const held = (() => {
    using one = loadObject(verifyObject(hooks, { allowsUnsigned: true }), { only: ['on_trace'] });
    using other = loadObject(verifyObject(counts, { allowsUnsigned: true }));
    using _ring = openRingBuffer(other.map('events'));
    using trace = attachTrace(one.program('on_trace'));
    using raw = attachRawTracepoint(other.program('count_syscalls'));
    assert.throws(() => attachRawTracepoint(other.program('count_syscalls'), 'no_such'));
    return [
      kernelObjectOf('prog', one.program('on_trace').fd),
      kernelObjectOf('prog', other.program('count_syscalls').fd),
      kernelObjectOf('map', one.map('hits').fd),
      kernelObjectOf('map', other.map('events').fd),
      kernelObjectOf('link', trace.fd),
      kernelObjectOf('link', raw.fd),
    ];
  })();
  assert.equal(new Set(held.map(({ kind, id }) => `${kind} ${id}`)).size, 6);
  assert.ok(await gone(held), `still there: ${JSON.stringify(held.filter(isInKernel))}`);
});
