import assert from 'node:assert/strict';
import test from 'node:test';
import { calmTcp as calm } from '../testing/calm-tcp.ts';
import type { TcpEvent } from '../decoders/tcp-event.ts';
import type { ConnectionHealth } from './connection-health.ts';
import { TcpLedger } from './tcp-ledger.ts';

function healthOf(events: readonly Partial<TcpEvent>[]): ConnectionHealth {
  const ledger = new TcpLedger();
  for (const event of events) ledger.push({ ...calm, ...event });
  const health = ledger.of(7);
  assert.ok(health !== undefined);
  return health;
}

test('a write was acknowledged by the first acknowledgement that covers it, and sent after the last that did not see it', () => {
  const health = healthOf([
    { timeNs: 100, acked: 10, sent: 10, written: 10 },
    { timeNs: 200, acked: 20, sent: 40, written: 90 },
    { timeNs: 300, acked: 40, sent: 60, written: 90 },
    { timeNs: 400, acked: 90, sent: 90, written: 90 },
  ]);
  assert.deepEqual(health.passageOf(40, 150), { queuedNs: 150, ackedNs: 300 });
  assert.deepEqual(health.passageOf(90, 150), { queuedNs: 300, ackedNs: 400 });
  assert.deepEqual(health.passageOf(91, 150), { queuedNs: 400, ackedNs: undefined });
  assert.equal(health.writtenAfter(150), 90);
  assert.equal(health.writtenAfter(400), undefined);
});

for (const [congestion, trigger] of [
  [0, 'tlp'],
  [1, 'tlp'],
  [3, 'fast'],
  [4, 'rto'],
] as const) {
  test(`what is sent again in congestion state ${congestion} is ${trigger}, until it is acknowledged`, () => {
    const health = healthOf([
      { timeNs: 100, acked: 10 },
      { kind: 'retransmit', timeNs: 300, segmentBegin: 10, segmentEnd: 20, congestion },
      { timeNs: 350, acked: 15 },
      { timeNs: 360, acked: 30 },
    ]);
    const asked: number[] = [];
    const episodes = health.episodes(0, 1_000, (offset) => {
      asked.push(offset);
      return 90;
    });
    assert.deepEqual(asked, [10]);
    assert.deepEqual(episodes, [
      { kind: 'retransmit', trigger, startNs: 90, atNs: 300, endNs: 360 },
    ]);
  });
}

test('what the peer says it had already was sent again for nothing', () => {
  const health = healthOf([
    { kind: 'retransmit', timeNs: 300, segmentBegin: 10, segmentEnd: 20 },
    { timeNs: 350, acked: 20 },
    { timeNs: 380, acked: 20, duplicates: 1 },
  ]);
  const [episode] = health.episodes(0, 1_000, () => undefined);
  assert.deepEqual(episode, {
    kind: 'retransmit',
    trigger: 'spurious',
    startNs: 300,
    atNs: 300,
    endNs: 350,
  });
});

test('of two retransmissions together one duplicate does not make either needless', () => {
  const health = healthOf([
    { kind: 'retransmit', timeNs: 300, segmentBegin: 10, segmentEnd: 20 },
    { kind: 'retransmit', timeNs: 320, segmentBegin: 10, segmentEnd: 20, congestion: 4 },
    { timeNs: 350, acked: 20 },
    { timeNs: 380, acked: 20, duplicates: 1 },
  ]);
  const episodes = health.episodes(0, 1_000, () => undefined);
  assert.deepEqual(
    episodes.map((episode) => episode.kind === 'retransmit' && episode.trigger),
    ['tlp', 'spurious'],
  );
});

test('the peer’s window is zero from the acknowledgement that says so until one that opens it', () => {
  const events = [
    { timeNs: 100, window: 10 },
    { timeNs: 200, window: 0 },
    { timeNs: 300, window: 0 },
    { timeNs: 400, window: 5 },
  ];
  const none = (): undefined => undefined;
  const closed = { kind: 'zero_window', startNs: 200, endNs: 400 };
  assert.deepEqual(healthOf(events).episodes(0, 1_000, none), [closed]);
  const still = healthOf(events.slice(0, 3)).episodes(0, 1_000, none);
  assert.deepEqual(still, [{ ...closed, endNs: 1_000 }]);
  assert.deepEqual(healthOf(events).episodes(500, 1_000, none), []);
});

test('what limits a connection lasts from one acknowledgement to the next, and stretches are joined', () => {
  const written = 10;
  const health = healthOf([
    { timeNs: 100, written },
    { timeNs: 200, written, limit: 'peer-window' },
    { timeNs: 300, written, limit: 'peer-window' },
    { timeNs: 400, written, limit: 'busy' },
    { timeNs: 500, written, limit: 'send-buffer' },
  ]);
  assert.deepEqual(
    health.episodes(0, 1_000, () => undefined),
    [
      { kind: 'rwnd_limited', startNs: 100, endNs: 300 },
      { kind: 'sndbuf_limited', startNs: 400, endNs: 500 },
    ],
  );
});

test('after a time with nothing in flight a limit began with the next write, or a round trip ago', () => {
  const ms = 1_000_000;
  const health = healthOf([
    { timeNs: 100 * ms, acked: 10, written: 10 },
    { timeNs: 400 * ms, acked: 20, written: 90, limit: 'peer-window', srttUs: 5_000 },
  ]);
  assert.deepEqual(
    health.episodes(0, 1_000 * ms, () => undefined),
    [{ kind: 'rwnd_limited', startNs: 395 * ms, endNs: 400 * ms }],
  );
  const asked: number[] = [];
  const written = health.episodes(0, 1_000 * ms, (offset) => {
    asked.push(offset);
    return 350 * ms;
  });
  assert.deepEqual(asked, [10]);
  assert.deepEqual(written, [{ kind: 'rwnd_limited', startNs: 350 * ms, endNs: 400 * ms }]);
});

test('data that waits because the peer allows too little is limited by its window, whatever TCP counts', () => {
  const told = (window: number): number =>
    healthOf([
      { timeNs: 100, acked: 1_000, sent: 1_000, written: 3_000, window },
      { timeNs: 200, acked: 1_000, sent: 1_500, written: 9_000, window },
    ]).episodes(0, 1_000, () => undefined).length;
  assert.deepEqual([1_959, 1_960].map(told), [1, 0]);
});

test('a socket is blocked no longer than until all was acknowledged', () => {
  const health = healthOf([
    { timeNs: 120, acked: 10, written: 20 },
    { timeNs: 150, acked: 20, written: 20 },
    { kind: 'blocked', beginNs: 110, timeNs: 400, acked: 20, written: 20 },
  ]);
  assert.deepEqual(
    health.episodes(0, 1_000, () => undefined),
    [{ kind: 'write_blocked', startNs: 110, endNs: 150 }],
  );
});

test('a send that slept, and the time until the next after one that left no room, are blocked', () => {
  const ledger = new TcpLedger();
  ledger.push({ ...calm, acked: 0, written: 0 });
  const us = 1_000;
  ledger.pushSend(calm.cookie, {
    beginNs: 1_000 * us,
    timeNs: 1_100 * us,
    hasNoSpace: false,
    endOffset: 0,
  });
  ledger.pushSend(calm.cookie, {
    beginNs: 2_000 * us,
    timeNs: 2_500 * us,
    hasNoSpace: false,
    endOffset: 0,
  });
  ledger.pushSend(calm.cookie, { beginNs: 0, timeNs: 3_000 * us, hasNoSpace: true, endOffset: 0 });
  ledger.pushSend(calm.cookie, {
    beginNs: 3_900 * us,
    timeNs: 3_900 * us,
    hasNoSpace: true,
    endOffset: 0,
  });
  ledger.push({ ...calm, kind: 'released', timeNs: 5_000 * us, acked: 0, written: 9 });
  assert.deepEqual(
    ledger.of(calm.cookie)?.episodes(0, 9_000 * us, () => undefined),
    [
      { kind: 'write_blocked', startNs: 2_000 * us, endNs: 2_500 * us },
      { kind: 'write_blocked', startNs: 3_000 * us, endNs: 5_000 * us },
    ],
  );
  assert.equal(ledger.of(99), undefined);
  ledger.pushSend(99, { beginNs: 0, timeNs: 9, hasNoSpace: true, endOffset: 0 });
  assert.equal(ledger.of(99), undefined);
});

test('waits, resets and the end of a connection are kept as they come', () => {
  const health = healthOf([
    { kind: 'queued', beginNs: 100, timeNs: 150 },
    { kind: 'blocked', beginNs: 110, timeNs: 170 },
    { kind: 'reset', timeNs: 180 },
    { kind: 'released', timeNs: 190 },
  ]);
  assert.deepEqual(
    health.episodes(0, 1_000, () => undefined),
    [
      { kind: 'local_queue', startNs: 100, endNs: 150 },
      { kind: 'write_blocked', startNs: 110, endNs: 170 },
      { kind: 'peer_gone', how: 'rst', startNs: 180, endNs: 180 },
    ],
  );
  assert.equal(health.releasedNs, 190);
});

test('the connection that was quiet longest leaves when there is no room', () => {
  const ledger = new TcpLedger({ connectionsMax: 2 });
  for (const cookie of [1, 2, 1, 3]) ledger.push({ ...calm, cookie });
  assert.equal(ledger.of(2), undefined);
  assert.ok(ledger.of(1) !== undefined && ledger.of(3) !== undefined);
  assert.equal(ledger.evicted, 1);
});

test('a connection keeps what is youngest', () => {
  const ledger = new TcpLedger({ samplesPerConnectionMax: 8 });
  for (let at = 1; at <= 100; at++) ledger.push({ ...calm, timeNs: at, acked: at, written: at });
  const health = ledger.of(7);
  assert.equal(health?.writtenAfter(99), 100);
  assert.ok((health?.writtenAfter(0) ?? 0) >= 92, String(health?.writtenAfter(0)));
});

test('bounds out of range are refused by name', () => {
  assert.throws(() => new TcpLedger({ connectionsMax: 0 }), /connectionsMax is 0/);
  assert.throws(
    () => new TcpLedger({ samplesPerConnectionMax: 1.5 }),
    /samplesPerConnectionMax is 1.5/,
  );
});

test('the figures of a request count what began within it', () => {
  const health = healthOf([
    { timeNs: 100, acked: 10, sent: 10, written: 10, srttUs: 900 },
    { kind: 'retransmit', timeNs: 150, congestion: 4, segmentBegin: 10, segmentEnd: 20 },
    { kind: 'retransmit', timeNs: 250, congestion: 3, segmentBegin: 20, segmentEnd: 30 },
    { timeNs: 300, acked: 30, sent: 30, written: 30, window: 0, srttUs: 1_200 },
    { timeNs: 380, acked: 30, sent: 30, written: 30, srttUs: 1_300 },
    { timeNs: 900, acked: 30, sent: 30, written: 30, srttUs: 5_000 },
  ]);
  assert.deepEqual(health.figures(200, 400), {
    srttUs: 1_300,
    retransmits: { rto: 0, fast: 1, tlp: 0, spurious: 0 },
    zeroWindows: 1,
    zeroWindowNs: 80,
  });
  assert.deepEqual(health.figures(500, 600).srttUs, undefined);
  assert.equal(health.figures(100, 160).retransmits.rto, 1);
});
