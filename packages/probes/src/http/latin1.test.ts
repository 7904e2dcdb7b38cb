import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { latin1 } from './latin1.ts';

test('bytes in the middle of memory become the characters of their values', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), fc.nat(64), (all, one, other) => {
      const bytes = new Uint8Array(all.buffer, all.byteOffset, all.length);
      const [from, to] = [Math.min(one, all.length), Math.min(other, all.length)];
      const expected = [...bytes.slice(from, Math.max(from, to))]
        .map((byte) => String.fromCharCode(byte))
        .join('');
      assert.equal(latin1(bytes, from, to), expected);
    }),
  );
});
