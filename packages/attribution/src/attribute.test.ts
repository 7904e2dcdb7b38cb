import assert from 'node:assert/strict';
import test from 'node:test';
import { attribute, type Attribution, type CauseTimes } from './attribute.ts';
import type { Evidence, EvidenceItem } from './evidence/evidence.ts';
import type { OutputWrite, Timeline } from './timeline/timeline.ts';

const ms = 1_000_000;
const everything: Evidence['watched'] = ['scheduler', 'tcp', 'flow_control'];

/** Writes at the given milliseconds, one content chunk each, in calls that take no time. */
function timelineOf(writesMs: readonly number[], changes: Partial<Timeline> = {}): Timeline {
  return {
    connectionId: '7',
    startNs: 0,
    writes: writesMs.map((at) => writeAt(at)),
    endNs: (writesMs.at(-1) ?? 0) * ms,
    end: 'finished',
    ...changes,
  };
}

function writeAt(atMs: number, changes: Partial<OutputWrite> = {}): OutputWrite {
  const ns = atMs * ms;
  return { startNs: ns, endNs: ns, bytes: 100, events: 1, chunks: 1, ...changes };
}

function between(startMs: number, endMs: number): { startNs: number; endNs: number } {
  return { startNs: startMs * ms, endNs: endMs * ms };
}

function causesMs({ causes }: { causes: CauseTimes }): Record<string, number> {
  return Object.fromEntries(Object.entries(causes).map(([cause, ns]) => [cause, ns / ms]));
}

function attributeSeen(timeline: Timeline, items: readonly EvidenceItem[]): Attribution {
  return attribute(timeline, { watched: everything, items });
}

test('a gap in which nothing held the server back is the engine’s', () => {
  const { gaps, isComplete, abandoned } = attributeSeen(timelineOf([100, 120, 320]), []);
  assert.deepEqual(
    gaps.map((gap) => [gap.kind, causesMs(gap)]),
    [
      ['first', { engine: 100 }],
      ['between', { engine: 20 }],
      ['between', { engine: 200 }],
    ],
  );
  assert.equal(isComplete, true);
  assert.equal(abandoned, undefined);
});

test('without the scheduler watched, nothing is said of the engine', () => {
  const { causes } = attribute(timelineOf([100]), { watched: ['tcp'], items: [] });
  assert.deepEqual(causes, { unknown: 100 * ms });
});

test('an HTTP/2 server waits for its engine only as far as flow control was watched', () => {
  const timeline = timelineOf([100], { streamId: 1 });
  const { causes } = attribute(timeline, { watched: ['scheduler', 'tcp'], items: [] });
  assert.deepEqual(causes, { unknown: 100 * ms });
});

test('a wait for the CPU takes its part of the engine’s time', () => {
  const wait: EvidenceItem = { kind: 'run_queue', threadId: 1, ...between(110, 180) };
  const limit: EvidenceItem = { kind: 'throttled', ...between(150, 190) };
  const { gaps } = attributeSeen(timelineOf([100, 200]), [wait, limit]);
  const last = gaps.at(-1);
  assert.deepEqual(last?.causes, {
    cpu_throttled: 40 * ms,
    cpu_runqueue: 40 * ms,
    engine: 20 * ms,
  });
  assert.deepEqual(last?.ranked.find(({ cause }) => cause === 'cpu_runqueue')?.evidence, [wait]);
});

test('a lost write delays its delivery and that of those behind it', () => {
  const lost: EvidenceItem = {
    kind: 'retransmit',
    trigger: 'rto',
    startNs: 120 * ms,
    atNs: 320 * ms,
    endNs: 330 * ms,
  };
  const { gaps } = attributeSeen(timelineOf([100, 120, 140, 160, 350]), [lost]);
  assert.deepEqual(
    gaps.map((gap) => causesMs(gap)),
    [{ engine: 100 }, { engine: 20, net_rto: 210 }, {}, {}, { engine: 20 }],
  );
});

test('a retransmission of unknown origin reaches back to the oldest unacknowledged write', () => {
  const writes = [writeAt(100, { ackedNs: 101 * ms }), writeAt(120, { ackedNs: 330 * ms })];
  const lost: EvidenceItem = {
    kind: 'retransmit',
    trigger: 'tlp',
    startNs: 320 * ms,
    atNs: 320 * ms,
    endNs: 330 * ms,
  };
  const { gaps } = attributeSeen(timelineOf([], { writes, endNs: 330 * ms }), [lost]);
  assert.deepEqual(
    gaps.map((gap) => causesMs(gap)),
    [{ engine: 100 }, { engine: 20, net_tlp: 210 }],
  );
});

test('a timeout takes the whole wait, also the tail probe that failed before it', () => {
  const probe: EvidenceItem = {
    kind: 'retransmit',
    trigger: 'tlp',
    startNs: 100 * ms,
    atNs: 300 * ms,
    endNs: 510 * ms,
  };
  const timeout: EvidenceItem = {
    kind: 'retransmit',
    trigger: 'rto',
    startNs: 100 * ms,
    atNs: 500 * ms,
    endNs: 510 * ms,
  };
  const { causes } = attributeSeen(timelineOf([100]), [probe, timeout]);
  assert.deepEqual(causes, { engine: 100 * ms, net_rto: 410 * ms });
});

test('a spurious retransmission repaired nothing and takes no time', () => {
  const spurious: EvidenceItem = {
    kind: 'retransmit',
    trigger: 'spurious',
    startNs: 100 * ms,
    atNs: 300 * ms,
    endNs: 310 * ms,
  };
  assert.deepEqual(attributeSeen(timelineOf([100]), [spurious]).causes, { engine: 100 * ms });
});

test('a peer that stops reading is the cause of a blocked write, and blocked alone is the send buffer', () => {
  const blocked: EvidenceItem = { kind: 'write_blocked', ...between(110, 500) };
  const zero: EvidenceItem = { kind: 'zero_window', ...between(105, 400) };
  const timeline = timelineOf([100, 510]);
  assert.deepEqual(causesMs(attributeSeen(timeline, [blocked, zero]).gaps[1] ?? { causes: {} }), {
    peer_zero_window: 290,
    sndbuf_full: 100,
    engine: 20,
  });
  assert.deepEqual(causesMs(attributeSeen(timeline, [blocked]).gaps[1] ?? { causes: {} }), {
    sndbuf_full: 390,
    engine: 20,
  });
});

test('a zero window while the server has nothing to send holds nobody back', () => {
  const zero: EvidenceItem = { kind: 'zero_window', ...between(105, 400) };
  assert.deepEqual(attributeSeen(timelineOf([100, 510]), [zero]).causes, { engine: 510 * ms });
});

test('a write that waits for the peer’s window arrives when it is acknowledged', () => {
  const writes = [
    writeAt(100),
    writeAt(120, { queuedNs: 300 * ms, sentNs: 300 * ms, ackedNs: 310 * ms }),
  ];
  const limited: EvidenceItem = { kind: 'rwnd_limited', ...between(110, 600) };
  const { gaps } = attributeSeen(timelineOf([], { writes, endNs: 310 * ms }), [limited]);
  assert.deepEqual(causesMs(gaps[1] ?? { causes: {} }), { engine: 20, peer_rwnd_limited: 190 });
});

test('the way from the call to the driver is the local queue’s', () => {
  const writes = [
    writeAt(100, { queuedNs: 100 * ms, sentNs: 180 * ms, ackedNs: 181 * ms }),
    writeAt(200, { endNs: 200 * ms + 30_000 }),
  ];
  const { gaps } = attributeSeen(timelineOf([], { writes, endNs: 201 * ms }), []);
  assert.deepEqual(
    gaps.map(({ causes }) => causes),
    [
      { engine: 100 * ms, qdisc_local: 80 * ms },
      { engine: 20 * ms, qdisc_local: 30_000 },
      { engine: 970_000 },
    ],
  );
});

test('an acknowledgement that is late beyond delaying, without evidence, is unknown', () => {
  const writes = [writeAt(100, { ackedNs: 140 * ms }), writeAt(200, { ackedNs: 900 * ms })];
  const { gaps } = attributeSeen(timelineOf([], { writes, endNs: 900 * ms }), []);
  assert.deepEqual(
    gaps.map((gap) => causesMs(gap)),
    [{ engine: 100 }, { engine: 100, unknown: 700 }],
  );
});

test('HTTP/2 windows are told apart, and a deadlock from both', () => {
  const timeline = timelineOf([100, 400], { streamId: 3 });
  const stream: EvidenceItem = {
    kind: 'h2_window',
    window: 'stream',
    streamId: 3,
    ...between(110, 390),
  };
  const others: EvidenceItem = { ...stream, streamId: 5 };
  const connection: EvidenceItem = {
    kind: 'h2_window',
    window: 'connection',
    ...between(200, 390),
  };
  const deadlock: EvidenceItem = { kind: 'h2_deadlock', ...between(300, 390) };
  const of = (...items: EvidenceItem[]): Record<string, number> =>
    causesMs(attributeSeen(timeline, items).gaps[1] ?? { causes: {} });
  assert.deepEqual(of(others), { engine: 300 });
  assert.deepEqual(of(stream), { h2_stream_window: 280, engine: 20 });
  assert.deepEqual(of(stream, connection), {
    h2_conn_window: 190,
    h2_stream_window: 90,
    engine: 20,
  });
  assert.deepEqual(of(stream, connection, deadlock), {
    h2_conn_window: 100,
    h2_stream_window: 90,
    flow_control_deadlock: 90,
    engine: 20,
  });
});

test('what a server does after its client has gone is abandoned work', () => {
  const gone: EvidenceItem = { kind: 'peer_gone', how: 'rst', ...between(130, 130) };
  const { causes, abandoned } = attributeSeen(timelineOf([100, 120, 140, 160]), [gone]);
  assert.deepEqual(causesMs({ causes }), { engine: 130, peer_cancel: 30 });
  assert.deepEqual(abandoned, {
    how: 'rst',
    goneNs: 130 * ms,
    ns: 30 * ms,
    writes: 2,
    bytes: 200,
    events: 2,
    chunks: 2,
  });
});

test('a FIN counts as leaving only when a reset follows or the answer was cut', () => {
  const fin: EvidenceItem = { kind: 'peer_gone', how: 'fin', ...between(110, 110) };
  const rst: EvidenceItem = { kind: 'peer_gone', how: 'rst', ...between(130, 130) };
  const goneNs = (items: EvidenceItem[], changes: Partial<Timeline> = {}): number | undefined =>
    attributeSeen(timelineOf([100, 120, 140], changes), items).abandoned?.goneNs;
  assert.equal(goneNs([fin]), undefined);
  assert.equal(goneNs([fin, rst]), 110 * ms);
  assert.equal(goneNs([fin], { end: 'cut' }), 110 * ms);
  assert.equal(goneNs([{ ...rst, startNs: 150 * ms, endNs: 150 * ms }]), undefined);
});

test('lost events make their window incomplete, whatever else is known of it', () => {
  const loss: EvidenceItem = { kind: 'events_lost', ...between(90, 110) };
  const wait: EvidenceItem = { kind: 'run_queue', threadId: 1, ...between(100, 120) };
  const timeline = timelineOf([100, 200], { missing: [between(190, 200)] });
  const { causes, isComplete } = attributeSeen(timeline, [loss, wait]);
  assert.deepEqual(causesMs({ causes }), { engine: 160, incomplete: 30, cpu_runqueue: 10 });
  assert.equal(isComplete, false);
});

test('evidence of another connection changes nothing', () => {
  const zero: EvidenceItem = { kind: 'zero_window', connectionId: '8', ...between(0, 400) };
  const blocked: EvidenceItem = { kind: 'write_blocked', connectionId: '8', ...between(0, 400) };
  const { causes } = attributeSeen(timelineOf([100, 400]), [zero, blocked]);
  assert.deepEqual(causes, { engine: 400 * ms });
});

test('a request without any output is one gap', () => {
  const { gaps } = attributeSeen(timelineOf([], { endNs: 50 * ms, end: 'cut' }), []);
  assert.deepEqual(
    gaps.map((gap) => [gap.kind, causesMs(gap)]),
    [['whole', { engine: 50 }]],
  );
});

test('comments that keep a connection alive are no pieces', () => {
  const writes = [writeAt(100), writeAt(150, { events: 0, chunks: 0 }), writeAt(200)];
  const { gaps } = attributeSeen(timelineOf([], { writes, endNs: 200 * ms }), []);
  assert.deepEqual(
    gaps.map(({ kind }) => kind),
    ['first', 'between'],
  );
});

test('a timeline or evidence that cannot be is refused by name', () => {
  const none = { watched: everything, items: [] };
  const refuses = (timeline: Timeline, evidence: Evidence, message: RegExp): void => {
    assert.throws(() => attribute(timeline, evidence), message);
  };
  refuses(timelineOf([100], { endNs: -1 }), none, /timeline: -1 comes after 0/);
  refuses(timelineOf([100, 90]), none, /writes\[1\].startNs: 90000000 lies before 100000000/);
  refuses(
    timelineOf([], { writes: [writeAt(1, { bytes: 1.5 })], endNs: ms }),
    none,
    /writes\[0\].bytes: 1.5/,
  );
  refuses(
    timelineOf([], { writes: [writeAt(2, { ackedNs: ms })] }),
    none,
    /writes\[0\]: 1000000 comes after/,
  );
  const backwards: EvidenceItem = { kind: 'zero_window', startNs: 5, endNs: 4 };
  refuses(
    timelineOf([1]),
    { ...none, items: [backwards] },
    /items\[0\], zero_window: 5, 4 are not in/,
  );
  const fraction: EvidenceItem = { kind: 'zero_window', startNs: 0.5, endNs: 4 };
  refuses(timelineOf([1]), { ...none, items: [fraction] }, /are not times in whole ns/);
  assert.throws(
    () => attribute(timelineOf([1, 2]), none, { writesMax: 1 }),
    /2 writes; the limit is 1/,
  );
  assert.throws(
    () => attribute(timelineOf([1]), { ...none, items: [backwards] }, { itemsMax: 0 }),
    /1 items; the limit is 0/,
  );
  assert.throws(() => attribute(timelineOf([1]), none, { skewNsMax: -1 }), /option skewNsMax: -1/);
});

test('a cause lists its weightiest evidence, as much as was asked for', () => {
  const waits = [10, 30, 20].map((lengthMs, index): EvidenceItem => ({
    kind: 'run_queue',
    threadId: index,
    ...between(100 + index * 40, 100 + index * 40 + lengthMs),
  }));
  const evidence = { watched: everything, items: waits };
  const { gaps } = attribute(timelineOf([100, 300]), evidence, { listedMax: 2 });
  const listed = gaps[1]?.ranked.find(({ cause }) => cause === 'cpu_runqueue')?.evidence;
  assert.deepEqual(listed, [waits[1], waits[2]]);
});
