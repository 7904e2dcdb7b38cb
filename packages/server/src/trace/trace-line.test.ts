import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { readRecording } from '@millrace/probes';
import { traceJsonOf, traceLineOf } from './trace-line.ts';
import { TracePipeline, type TracedRequest } from './trace-pipeline.ts';

/** The requests of a recording of the probes' package. */
function recorded(name: string): readonly TracedRequest[] {
  const file = new URL(`../../../probes/fixtures/${name}.recording`, import.meta.url);
  const { head, events } = readRecording(readFileSync(file));
  const requests: TracedRequest[] = [];
  const pipeline = new TracePipeline({
    onRequest: (request) => requests.push(request),
    isWanted: () => true,
  });
  for (const probe of head.probes) pipeline.watch(probe);
  for (const { probe, view } of events)
    pipeline.push(probe, view, { offset: 0, byteLength: view.byteLength });
  pipeline.close();
  return requests;
}

test('a line that is written without objects is that of its object', () => {
  const requests = ['node-http1', 'node-http2'].flatMap((name) => recorded(name));
  assert.equal(requests.length, 5);
  for (const request of requests) {
    const context = { epochNs: 1_764_000_000_000_000_000, command: 'a "name"' };
    const line = traceLineOf(request, context);
    assert.ok(line.gaps.length > 1);
    assert.equal(traceJsonOf(request, context), `${JSON.stringify(line)}\n`);
  }
});
