import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { readObjectSpec } from '@millrace/bpf';
import { decodeRunQueueEvent, runQueueEventBytes } from './run-queue-event.ts';
import { decodeSocketEvent, socketEventHeadBytes } from './socket-event.ts';
import { decodeTcpEvent, tcpEventBytes } from './tcp-event.ts';

/** A record of a probe's structure, its members set by the names that the object itself has for them. */
class Record {
  readonly view: DataView;
  readonly #members: ReadonlyMap<string, { readonly at: number; readonly bytes: number }>;

  constructor(object: string, structure: string) {
    const path = fileURLToPath(new URL(`../../bpf/${object}.bpf.o`, import.meta.url));
    const { btf } = readObjectSpec(readFileSync(path));
    const type = btf.find('struct', structure);
    assert.ok(type !== undefined, structure);
    this.#members = new Map(
      type.members.map(({ name, bitOffset, typeId }) => [
        name,
        { at: bitOffset / 8, bytes: btf.byteLength(typeId) },
      ]),
    );
    this.view = new DataView(new ArrayBuffer(type.byteLength));
  }

  set(name: string, value: number): this {
    const member = this.#members.get(name);
    assert.ok(member !== undefined, name);
    for (let index = 0, rest = BigInt(value); index < member.bytes; index++, rest >>= 8n) {
      this.view.setUint8(member.at + index, Number(rest & 255n));
    }
    return this;
  }
}

function tcpRecord(): Record {
  return new Record('tcp-health', 'tcp_event').set('kind', 2).set('limit', 2);
}

test('a TCP record is read as its structure lies in the object', () => {
  const fields = {
    timeNs: 9_000_000_000_001,
    beginNs: 8_000_000_000_002,
    cookie: 4_294_967_299,
    acked: 11,
    sent: 22,
    written: 33,
    segmentBegin: 44,
    segmentEnd: 55,
    window: 66,
    srttUs: 77,
    duplicates: 88,
    localPort: 8_080,
    congestion: 4,
    timeouts: 3,
  };
  const record = tcpRecord();
  for (const [name, value] of Object.entries(fields)) {
    record.set(
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    );
  }
  assert.equal(record.view.byteLength, tcpEventBytes);
  assert.deepEqual(decodeTcpEvent(record.view, 0, tcpEventBytes), {
    ...fields,
    kind: 'retransmit',
    limit: 'peer-window',
  });
});

test('a record of the run queue is read as its structure lies in the object', () => {
  const record = new Record('run-queue', 'run_queue_event')
    .set('begin_ns', 5_000_000_000_001)
    .set('end_ns', 5_000_000_000_009)
    .set('tgid', 12)
    .set('tid', 13)
    .set('is_throttled', 1);
  assert.equal(record.view.byteLength, runQueueEventBytes);
  assert.deepEqual(decodeRunQueueEvent(record.view, 0, runQueueEventBytes), {
    beginNs: 5_000_000_000_001,
    endNs: 5_000_000_000_009,
    tgid: 12,
    tid: 13,
    isThrottled: true,
  });
});

test('a record that is cut off, or of no kind, is refused', () => {
  const { view } = tcpRecord();
  assert.throws(() => decodeTcpEvent(view, 0, 87), /87 bytes are no event/);
  assert.throws(() => decodeTcpEvent(tcpRecord().set('kind', 0).view, 0, 88), /0 is no kind/);
  assert.throws(() => decodeTcpEvent(tcpRecord().set('kind', 9).view, 0, 88), /9 is no kind/);
  assert.throws(() => decodeTcpEvent(tcpRecord().set('limit', 7).view, 0, 88), /7 is no limit/);
  assert.throws(() => decodeRunQueueEvent(view, 0, 31), /31 bytes are no event/);
});

/** A send of 9,000 bytes of which the first two, the last one and a piece of three in between were captured. */
function sendInPieces(): DataView {
  const { view } = new Record('sockets', 'socket_event').set('kind', 3).set('flags', 8);
  assert.equal(view.byteLength, socketEventHeadBytes);
  const whole = new Uint8Array(socketEventHeadBytes + 3 + 16);
  whole.set(new Uint8Array(view.buffer));
  whole.set([1, 2, 9], socketEventHeadBytes);
  const sent = new DataView(whole.buffer);
  sent.setInt32(40, 9_000, true);
  sent.setUint16(48, 2, true);
  sent.setUint16(50, 1, true);
  sent.setUint32(64, 16, true);
  sent.setUint32(socketEventHeadBytes + 3, 5_000, true);
  sent.setUint32(socketEventHeadBytes + 7, 3, true);
  whole.set([6, 7, 8], socketEventHeadBytes + 11);
  return sent;
}

test('pieces of the middle of an operation are read with their places', () => {
  const view = sendInPieces();
  const { head, tail, middle, result } = decodeSocketEvent(view, 0, view.byteLength);
  assert.deepEqual([result, [...head], [...tail]], [9_000, [1, 2], [9]]);
  assert.deepEqual(
    middle.map(({ at, bytes }) => [at, [...bytes]]),
    [[5_000, [6, 7, 8]]],
  );
});

test('a middle that is cut off, or whose piece is, is refused', () => {
  const view = sendInPieces();
  assert.throws(
    () => decodeSocketEvent(view, 0, view.byteLength - 1),
    /2 \+ 1 \+ 16 bytes do not fit/,
  );
  view.setUint32(socketEventHeadBytes + 7, 9, true);
  assert.throws(
    () => decodeSocketEvent(view, 0, view.byteLength),
    /a piece of its middle is cut at byte 0/,
  );
});
