import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonCursor } from './json-cursor.ts';
import { ScanRoom } from './scan-room.ts';

const piece = fc.oneof(
  fc.stringMatching(/^[ !#-[\]-~]{0,40}$/),
  fc.constantFrom(
    '"',
    '\\n',
    '\\u00e9',
    '\\"',
    '\\',
    '\n',
    '\u0000',
    '\u001f',
    ' ',
    '\u007f',
    'é',
    '水',
  ),
);

test('a string ends at the same byte, or fails at it, in a room and where it stands', () => {
  const room = ScanRoom.open();
  assert.ok(room !== undefined);
  const property = fc.property(fc.array(piece, { maxLength: 12 }), fc.nat(9), (pieces, shift) => {
    const text = Buffer.from(`${' '.repeat(shift)}"${pieces.join('')}"`);
    const [inRoom, inPlace] = [new JsonCursor(4), new JsonCursor(4)];
    // What an earlier text left in the room must not be read.
    room.bytes.fill(text.length % 2 === 0 ? 0x22 : 0x61, 0, 2_000);
    assert.ok(room.take(text));
    inRoom.resetIn(room, text.length);
    inPlace.reset(text, 0, text.length);
    assert.equal(inRoom.skipValue(), inPlace.skipValue());
    assert.deepEqual(
      [inRoom.position, inRoom.problem],
      [inPlace.position, inPlace.problem],
      text.toString(),
    );
  });
  fc.assert(property, { numRuns: 3_000 });
});

test('every byte that ends a plain run is found wherever it stands, and no other', () => {
  const room = ScanRoom.open();
  assert.ok(room !== undefined);
  for (let byte = 0; byte < 256; byte++) {
    for (let place = 0; place < 48; place++) {
      room.bytes.fill(0x61, 0, 64);
      room.bytes[place] = byte;
      const isStop = byte === 0x22 || byte === 0x5c || byte < 0x20;
      assert.equal(room.skipPlain(0, 64), isStop ? place : 64, `byte ${byte} at ${place}`);
    }
  }
  assert.equal(room.skipPlain(3, 18), 3);
  assert.equal(room.take(Buffer.alloc(room.bytes.length + 1)), false);
});
