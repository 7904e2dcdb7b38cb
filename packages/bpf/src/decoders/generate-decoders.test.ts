import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import fc from 'fast-check';
import { readObjectSpec } from '../spec/object-spec.ts';
import * as shapes from '../testing/shapes.gen.ts';
import {
  decodeSyscallEvent,
  decodeSyscallEventInto,
  outcome,
  syscallEventBytes,
} from '../testing/syscall-event.gen.ts';
import { generateDecoders } from './generate-decoders.ts';

const { btf } = readObjectSpec(
  readFileSync(new URL('../../fixtures/shapes.bpf.o', import.meta.url)),
);
const struct = btf.find('struct', 'shapes') ?? assert.fail();

/** Bits of little-endian bytes, one by one: slow, and nothing like what is generated. */
function bits(bytes: Uint8Array, at: number, count: number): bigint {
  let value = 0n;
  for (let bit = count - 1; bit >= 0; bit -= 1) {
    const byte = bytes[Math.floor((at + bit) / 8)] ?? assert.fail('past the end');
    value = value * 2n + BigInt((byte >> ((at + bit) % 8)) & 1);
  }
  return value;
}

function bitOffsetOf(name: string): number {
  return struct.members.find((member) => member.name === name)?.bitOffset ?? assert.fail(name);
}

test('reads every shape as the bits that BTF places', () => {
  assert.equal(shapes.shapesBytes, struct.byteLength);
  const shift = 16;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 128 + shift, maxLength: 128 + shift }), (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const own = bytes.subarray(shift);
      const read = (name: string, count: number): bigint => bits(own, bitOffsetOf(name), count);
      const decoded = shapes.decodeShapes(view, shift);
      for (const [name, count] of [
        ['u8', 8],
        ['u16', 16],
        ['u32', 32],
      ] as const) {
        assert.equal(decoded[name], Number(read(name, count)));
      }
      for (const [name, count] of [
        ['s8', 8],
        ['s16', 16],
        ['s32', 32],
      ] as const) {
        assert.equal(decoded[name], Number(BigInt.asIntN(count, read(name, count))));
      }
      for (const [name, count] of [
        ['low', 3],
        ['high', 13],
        ['rest', 16],
      ] as const) {
        assert.equal(decoded[name], Number(read(name, count)));
      }
      assert.equal(shapes.readShapesU64Exact(view, shift), read('u64', 64));
      assert.equal(shapes.readShapesS64Exact(view, shift), BigInt.asIntN(64, read('s64', 64)));
      assert.equal(
        decoded.u64,
        Number(read('u64', 32)) + Number(bits(own, bitOffsetOf('u64') + 32, 32)) * 2 ** 32,
      );
      assert.equal(decoded.flag, read('flag', 8) !== 0n);
      assert.equal(decoded.colour, Number(read('colour', 32)));
      assert.equal(decoded.nestedPort, Number(bits(own, bitOffsetOf('nested') + 16, 16)));
      for (let index = 0; index < 6; index += 1) {
        assert.equal(
          shapes.readShapesGrid(view, shift, index),
          Number(bits(own, bitOffsetOf('grid') + index * 32, 32)),
        );
      }
      assert.equal(shapes.readShapesManyOffset(shift, 2), shift + bitOffsetOf('many') / 8 + 8);
      const name = own.subarray(bitOffsetOf('name') / 8, bitOffsetOf('name') / 8 + 13);
      assert.deepEqual(shapes.readShapesName(view, shift), name);
      const end = name.indexOf(0);
      assert.equal(
        decoded.name,
        Buffer.from(name.subarray(0, end === -1 ? 13 : end)).toString('utf8'),
      );
    }),
  );
});

test('reads numbers of 64 bits exactly up to 2^53, negative ones too', () => {
  const view = new DataView(new ArrayBuffer(128));
  for (const value of [
    0,
    1,
    -1,
    2 ** 32,
    -(2 ** 32) - 1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ]) {
    view.setBigInt64(bitOffsetOf('s64') / 8, BigInt(value), true);
    assert.equal(shapes.readShapesS64(view, 0), value);
  }
});

test('what was made as an object is what fills one, and copies outlive the view', () => {
  const bytes = new Uint8Array(syscallEventBytes).map((_, index) => index + 1);
  const view = new DataView(bytes.buffer);
  const made = decodeSyscallEvent(view, 0);
  const filled = decodeSyscallEvent(new DataView(new ArrayBuffer(syscallEventBytes)), 0);
  decodeSyscallEventInto(view, 0, filled);
  assert.deepEqual(filled, made);
  bytes.fill(0);
  assert.equal(made.comm[0], 15);
  assert.deepEqual(outcome, { OUTCOME_SUBMITTED: 1, OUTCOME_DISCARDED: 2 });
});

test('refuses a name that the object does not have', () => {
  const headline = 'nothing';
  assert.throws(() => generateDecoders(btf, { structs: ['nobody'], headline }), {
    code: 'BPF_BTF_INVALID',
    message: /nobody/,
  });
  assert.throws(() => generateDecoders(btf, { structs: [], enums: ['nobody'], headline }), {
    code: 'BPF_BTF_INVALID',
  });
});
