import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { faultKinds } from './fault-plans.ts';
import { judgeCase } from './judge-case.ts';
import { KeptTraces } from './kept-traces.ts';
import type { CaseTrace } from './run-case.ts';

const fixtures = join(import.meta.dirname, '..', '..', 'fixtures', 'faults');

function traceOf(fault: string): CaseTrace {
  const trace = [...new KeptTraces(fixtures).read()].find((one) => one.fault === fault);
  assert.ok(trace !== undefined, fault);
  return trace;
}

for (const [fault, found] of [
  ['none', []],
  ['outage', ['net_rto']],
  ['http2-deadlock', ['flow_control_deadlock']],
] as const) {
  test(`a recorded case of "${fault}" replays to ${found[0] ?? 'no stall'}`, () => {
    const kind = faultKinds.find(({ name }) => name === fault);
    assert.ok(kind !== undefined);
    const judgement = judgeCase(traceOf(fault), kind);
    assert.deepEqual([judgement.found, judgement.discarded], [found, undefined]);
  });
}

test('a fault that did not come about, or that nobody felt, does not count', () => {
  const kind = faultKinds.find(({ name }) => name === 'outage');
  assert.ok(kind !== undefined);
  const trace = traceOf('outage');
  const { truth } = trace;
  const never = { ...truth, witness: { ...truth.witness, timeouts: 0 } };
  assert.match(judgeCase({ ...trace, truth: never }, kind).discarded ?? '', /did not come about/);
  const even = truth.eventsNs.map((_, index) => index * 20_000_000);
  const unfelt = { ...truth, eventsNs: even };
  assert.match(judgeCase({ ...trace, truth: unfelt }, kind).discarded ?? '', /felt 0 ms/);
});

test('small waits for the core discard a fault of another kind, and no run without one', () => {
  const busy = (fault: string): string | undefined => {
    const kind = faultKinds.find(({ name }) => name === fault);
    assert.ok(kind !== undefined);
    const trace = traceOf(fault);
    const witness = { ...trace.truth.witness, runDelayNs: 120_000_000 };
    return judgeCase({ ...trace, truth: { ...trace.truth, witness } }, kind).discarded;
  };
  assert.equal(busy('none'), undefined);
  assert.match(busy('outage') ?? '', /other work had the core/);
});

test('events that a probe lost leave a case without a cause', () => {
  const kind = faultKinds.find(({ name }) => name === 'outage');
  assert.ok(kind !== undefined);
  const trace = traceOf('outage');
  const { found } = judgeCase({ ...trace, raw: { ...trace.raw, dropped: 3 } }, kind);
  assert.deepEqual(found, ['incomplete']);
});

test('a trace that is cut off is refused by its name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-traces-'));
  try {
    const kept = new KeptTraces(folder);
    assert.deepEqual([...kept.read()], []);
    const trace = traceOf('none');
    kept.keep(trace);
    assert.equal(kept.has(trace.fault, trace.seed), true);
    assert.deepEqual([...kept.read()], [trace]);
    const path = join(folder, `${trace.fault}.${trace.seed}.json.gz`);
    writeFileSync(path, readFileSync(path).subarray(0, 100));
    assert.throws(() => [...kept.read()], /cut off or no trace/);
    kept.drop(trace.fault, trace.seed);
    assert.equal(kept.has(trace.fault, trace.seed), false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
