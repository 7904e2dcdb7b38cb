import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { attachRawTracepoint } from '../links/attach-tracepoint.ts';
import { loadObject } from '../load/load-object.ts';
import { verifyObject } from '../signing/signature.ts';
import { requireKernel } from '../testing/requirements.ts';
import { countRuns } from './count-runs.ts';

const bytes = readFileSync(new URL('../../fixtures/syscall-count.bpf.o', import.meta.url));

test('runs are counted as long as they are asked to be', (t) => {
  if (!requireKernel(t, ['CAP_SYS_ADMIN'])) return;
  using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }), {
    only: ['count_syscalls'],
  });
  const program = loaded.program('count_syscalls');
  using _link = attachRawTracepoint(program);
  const call = (): void => {
    for (let index = 0; index < 50; index += 1) readFileSync('/proc/self/comm');
  };
  {
    using _counting = countRuns();
    call();
  }
  const { runs, runNs } = program.state();
  assert.ok(runs >= 150n && runNs > 0n, `${runs} runs`);
});
