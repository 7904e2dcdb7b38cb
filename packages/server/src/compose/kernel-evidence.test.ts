import assert from 'node:assert/strict';
import test from 'node:test';
import { calmTcp as calm } from '@millrace/probes/testing';
import { type RequestRecord, type TcpEvent, TcpLedger } from '@millrace/probes';
import { hasSettled, kernelEvidence, type KernelSight } from './kernel-evidence.ts';
import { explain } from './trace-evidence.ts';

const ms = 1_000_000;

/** A request of one write of a hundred bytes each at 20, 40 and 60 ms. */
function recordOf(changes: Partial<RequestRecord> = {}): RequestRecord {
  const outputs = [20, 40, 60].map((at, index) => ({
    timeNs: at * ms,
    beginNs: at * ms - 10_000,
    bodyBytes: 100,
    events: 1,
    contentChunks: 1,
    endOffset: 100 * (index + 1),
  }));
  return {
    protocol: 'http/1.1',
    cookie: 7,
    socketCookie: undefined,
    streamId: 0,
    tgid: 5,
    tids: [5],
    localAddress: '',
    localPort: 8_080,
    peerAddress: '',
    peerPort: 1,
    method: 'POST',
    route: '/v1/chat/completions',
    model: 'm',
    isStream: true,
    promptHash: undefined,
    traceId: undefined,
    status: 200,
    grpcStatus: undefined,
    resetCode: undefined,
    flowStalls: [],
    startNs: 0,
    readNs: 0,
    receivedNs: 0,
    headNs: 20 * ms,
    firstOutputNs: 20 * ms,
    endNs: 60 * ms,
    requestBytes: 10,
    responseBytes: 300,
    writes: 3,
    events: 3,
    contentChunks: 3,
    usage: {},
    outputs,
    ending: 'answered',
    hasStreamError: false,
    abandoned: undefined,
    incomplete: [],
    ...changes,
  };
}

function sightOf(
  events: readonly Partial<TcpEvent>[],
  changes: Partial<KernelSight> = {},
): KernelSight {
  const ledger = new TcpLedger();
  for (const event of events) ledger.push({ ...calm, ...event });
  return { health: ledger.of(7), waits: [], lost: [], watched: ['tcp', 'scheduler'], ...changes };
}

function causesMs(record: RequestRecord, sight: KernelSight): Record<string, number> {
  const { causes } = explain(record, kernelEvidence(record, sight));
  return Object.fromEntries(Object.entries(causes).map(([cause, ns]) => [cause, ns / ms]));
}

/** The last write is lost, sent again by a tail probe, and acknowledged at 300 ms. */
function tailLoss(base = 0): readonly Partial<TcpEvent>[] {
  const at = (offset: number): number => base + offset;
  return [
    { timeNs: 25 * ms, acked: at(100), sent: at(100), written: at(100) },
    { timeNs: 45 * ms, acked: at(200), sent: at(200), written: at(200) },
    {
      kind: 'retransmit',
      timeNs: 290 * ms,
      acked: at(200),
      sent: at(300),
      written: at(300),
      segmentBegin: at(200),
      segmentEnd: at(300),
    },
    { timeNs: 300 * ms, acked: at(300), sent: at(300), written: at(300) },
  ];
}

for (const base of [0, 5_000]) {
  test(`a lost end of an answer is a tail loss, ${base} bytes after the connection's beginning`, () => {
    assert.deepEqual(causesMs(recordOf(), sightOf(tailLoss(base))), {
      net_tlp: 240,
      engine: 59.97,
      qdisc_local: 0.03,
    });
  });
}

test('a request has settled when what it sent was acknowledged, or its connection is gone', () => {
  const settledAfter = (count: number, record = recordOf()): boolean => {
    const { health } = sightOf(tailLoss().slice(0, count));
    assert.ok(health !== undefined);
    return hasSettled(record, health);
  };
  assert.deepEqual(
    [1, 3, 4].map((count) => settledAfter(count)),
    [false, false, true],
  );
  const abandoned = { clientGoneNs: 50 * ms, writes: 1, contentChunks: 1, lastWriteNs: 60 * ms };
  assert.equal(settledAfter(4, recordOf({ ending: 'peer-reset', abandoned })), false);
  const { health } = sightOf([{ kind: 'released', timeNs: 90 * ms }]);
  assert.ok(health !== undefined && hasSettled(recordOf(), health));
});

test('a server that goes on for a client that has left is at it until it lets go', () => {
  const abandoned = { clientGoneNs: 50 * ms, writes: 1, contentChunks: 1, lastWriteNs: 60 * ms };
  const record = recordOf({ ending: 'peer-reset', abandoned });
  const sight = sightOf([{ kind: 'released', timeNs: 400 * ms }]);
  const { abandoned: work, causes } = explain(record, kernelEvidence(record, sight));
  assert.equal(work?.ns, 350 * ms);
  assert.equal(causes.peer_cancel, 350 * ms);
});

test('waits of a millisecond and more are the CPU’s, by what held the thread', () => {
  const wait = { tgid: 5, tid: 5, isThrottled: false };
  const waits = [
    { ...wait, beginNs: 21 * ms, endNs: 21.9 * ms },
    { ...wait, beginNs: 22 * ms, endNs: 30 * ms },
    { ...wait, beginNs: 42 * ms, endNs: 50 * ms, isThrottled: true },
  ];
  const causes = causesMs(recordOf(), sightOf([], { waits }));
  assert.equal(causes['cpu_runqueue'], 8);
  assert.equal(causes['cpu_throttled'], 8);
});

test('a connection’s window that nobody opens until the stream is given up is a deadlock', () => {
  const stall = { scope: 'connection' as const, streamId: 0, fromNs: 70 * ms, toNs: undefined };
  const stuck = {
    protocol: 'h2',
    streamId: 1,
    flowStalls: [stall],
    ending: 'peer-cancelled',
    endNs: 900 * ms,
  } as const;
  assert.equal(causesMs(recordOf(stuck), sightOf([]))['flow_control_deadlock'], 830);
  const short = causesMs(recordOf({ ...stuck, endNs: 300 * ms }), sightOf([]));
  assert.equal(short['flow_control_deadlock'], undefined);
  assert.equal(short['h2_conn_window'], 230);
  const opened = { ...stall, toNs: 880 * ms };
  const loose = causesMs(recordOf({ ...stuck, flowStalls: [opened] }), sightOf([]));
  assert.equal(loose['flow_control_deadlock'], undefined);
});

test('windows in which a probe lost events are incomplete', () => {
  const lost = [{ startNs: 30 * ms, endNs: 35 * ms }];
  assert.equal(causesMs(recordOf(), sightOf([], { lost }))['incomplete'], 5);
});
