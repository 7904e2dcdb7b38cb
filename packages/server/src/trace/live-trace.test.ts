import assert from 'node:assert/strict';
import test from 'node:test';
import { requireKernel } from '@millrace/bpf/testing';
import { startLocalServer } from '../testing/local-server.ts';
import { LiveTrace } from './live-trace.ts';
import { TracePipeline } from './trace-pipeline.ts';
import { resolveWatch } from './watch-choice.ts';

test('over the budget probes are turned off, the dearest first, but never that of the requests', async (t) => {
  if (!requireKernel(t, ['CAP_SYS_ADMIN', 'CAP_BPF', 'CAP_PERFMON'])) return;
  await using server = await startLocalServer((_, response) => response.end('x'));
  const port = Number(new URL(server.url).port);
  const pipeline = new TracePipeline({ onRequest: () => undefined, isWanted: () => true });
  const shed: string[] = [];
  const enough = new AbortController();
  using live = new LiveTrace({
    watched: resolveWatch({ port }),
    pipeline,
    epochNs: 0,
    followsTls: false,
    reach: 'by-process',
    minding: {
      budget: { costShareMax: 0, droppedShareMax: 1 },
      meterEveryMs: 600,
      onShed: (probe) => {
        shed.push(probe);
        if (shed.length === 3) enough.abort();
      },
    },
  });
  const asking = (async () => {
    while (!enough.signal.aborted) await (await fetch(server.url)).text();
  })();
  await live.run(AbortSignal.any([enough.signal, AbortSignal.timeout(30_000)]), () => undefined);
  await asking;
  assert.deepEqual(shed.toSorted(), ['run-queue', 'stamps', 'tcp-health']);
  const attached = live.status.filter(({ programs }) =>
    programs.some(({ isAttached }) => isAttached),
  );
  assert.deepEqual(
    attached.map(({ name }) => name),
    ['sockets'],
  );
  const reasons = live.status.flatMap(({ programs }) => programs.map(({ reason }) => reason));
  assert.ok(reasons.some((reason) => /allowed are 0\.00 %/.test(reason)));
});
