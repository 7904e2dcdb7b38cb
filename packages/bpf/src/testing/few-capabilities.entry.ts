import { readFileSync } from 'node:fs';
import { messageOf } from '@millrace/stdx';
import { attachTrace } from '../links/attach-tracepoint.ts';
import { attachUprobe } from '../links/attach-uprobe.ts';
import { loadObject } from '../load/load-object.ts';
import { effectiveCapabilities } from '../programs/capabilities.ts';
import { verifyObject } from '../signing/signature.ts';

/** A program for tests: what can be loaded and attached with the capabilities that it is started with. */
const bytes = readFileSync(new URL('../../fixtures/hooks.bpf.o', import.meta.url));
const libcPath = process.argv[2] ?? '';
const answer = {
  capabilities: [...effectiveCapabilities()],
  loadFault: '',
  needs: '',
  programs: [] as object[],
  hits: [0, 0],
};
try {
  using loaded = loadObject(verifyObject(bytes, { allowsUnsigned: true }), {
    constants: { target_thread: process.pid },
  });
  answer.programs = loaded.report.programs.map(({ name, outcome, needs = '' }) => ({
    name,
    outcome,
    needs,
  }));
  using _trace = attachTrace(loaded.program('on_trace'));
  using _uprobe = attachUprobe(loaded.program('on_uprobe'), {
    path: libcPath,
    symbol: 'getppid',
    cookie: 9n,
  });
  for (let call = 0; call < 5; call += 1) readFileSync(`/proc/${process.ppid}/comm`);
  answer.hits = [0, 2].map((hook) =>
    (loaded.map('hits').lookupPerCpu(hook) ?? []).reduce(
      (sum, value) => sum + Number(Buffer.from(value).readBigUInt64LE()),
      0,
    ),
  );
} catch (error) {
  answer.loadFault = messageOf(error);
  answer.needs = String((error as { needs?: string }).needs);
}
process.stdout.write(JSON.stringify(answer));
