import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ChunkedDecoder } from '../http1/chunked-decoder.ts';
import type { Framing } from '../http1/framing.ts';
import { BodyRoom } from './body-room.ts';
import { RequestBody } from './request-body.ts';

const bytesMax = 3 * 2 ** 20;
/** A long body in single bytes would take seconds, and show nothing that a short one does not. */
const piecesMax = 500;
const chunked = { isChunked: true, contentLength: -1 } as Framing;

interface Sent {
  readonly length: number;
  readonly fill: number;
  readonly isChunked: boolean;
  readonly pieceBytes: number;
  readonly end: 'finish' | 'free';
}

const sent: fc.Arbitrary<Sent> = fc.record({
  length: fc.oneof(fc.nat({ max: 3000 }), fc.nat({ max: 200_000 }), fc.nat({ max: bytesMax })),
  fill: fc.integer({ min: 1, max: 255 }),
  isChunked: fc.boolean(),
  pieceBytes: fc.integer({ min: 1, max: 65_536 }),
  end: fc.constantFrom('finish', 'free'),
});

function pieceBytesOf({ length, pieceBytes }: Sent): number {
  return Math.max(pieceBytes, Math.ceil(length / piecesMax));
}

/** The body as the connection brings it: in one, or in chunks that have the pieces' length. */
function wireOf(one: Sent): Buffer {
  const { length, fill, isChunked } = one;
  const pieceBytes = pieceBytesOf(one);
  const bytes = Buffer.alloc(length, fill);
  if (!isChunked) return bytes;
  const chunks: Buffer[] = [];
  for (let at = 0; at < length; at += pieceBytes) {
    const chunk = bytes.subarray(at, at + pieceBytes);
    chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]);
}

function receive(body: RequestBody, one: Sent): Buffer {
  const wire = wireOf(one);
  const step = Math.max(pieceBytesOf(one), 512);
  body.begin(
    one.isChunked ? chunked : ({ isChunked: false, contentLength: one.length } as Framing),
  );
  let progress = body.take(wire, 0, Math.min(step, wire.length));
  for (let at = step; at < wire.length; at += step)
    progress = body.take(wire, at, Math.min(at + step, wire.length));
  assert.equal(progress, 'whole');
  return body.release();
}

function isFullOf(bytes: Buffer, { length, fill }: Sent): boolean {
  return bytes.equals(Buffer.alloc(length, fill));
}

test('bodies have their own bytes, whatever memory those before them had', () => {
  const property = fc.property(fc.array(sent, { minLength: 2, maxLength: 6 }), (all) => {
    const room = new BodyRoom(bytesMax);
    const body = new RequestBody(new ChunkedDecoder(), { bytesMax, room });
    const kept: { readonly bytes: Buffer; readonly one: Sent }[] = [];
    for (const one of all) {
      const bytes = receive(body, one);
      assert.ok(isFullOf(bytes, one));
      assert.ok(room.bytesHeld >= one.length);
      if (one.end === 'free') kept.push({ bytes, one });
      body[one.end]();
      assert.equal(room.bytesHeld, 0);
    }
    for (const { bytes, one } of kept) assert.ok(isFullOf(bytes, one));
  });
  fc.assert(property, { numRuns: 30 });
});

test('two requests at once have memory of their own, also when it was used before', () => {
  const room = new BodyRoom(bytesMax);
  const [one, other] = [1, 2].map(
    () => new RequestBody(new ChunkedDecoder(), { bytesMax, room }),
  ) as [RequestBody, RequestBody];
  const long: Sent = {
    length: 100_000,
    fill: 1,
    isChunked: false,
    pieceBytes: 65_536,
    end: 'finish',
  };
  receive(one, long);
  one.finish();
  assert.ok(room.spare.bytesKept > 0);
  const first = receive(one, { ...long, fill: 2 });
  const second = receive(other, { ...long, fill: 3 });
  assert.equal(room.spare.bytesKept, 0);
  assert.ok(isFullOf(first, { ...long, fill: 2 }));
  assert.ok(isFullOf(second, { ...long, fill: 3 }));
});
