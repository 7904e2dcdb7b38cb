import assert from 'node:assert/strict';
import test from 'node:test';
import { GatewayError } from '../../errors.ts';
import { decodeKvEvents } from './kv-event-batch.ts';
import { decodeMsgpack } from './msgpack.ts';

const bounds = { valuesMax: 100, depthMax: 4 };

function decode(hex: string): unknown {
  return decodeMsgpack(Buffer.from(hex.replaceAll(' ', ''), 'hex'), bounds);
}

test('every form of a number, a text and a list is read', () => {
  const forms: readonly (readonly [string, unknown])[] = [
    ['7f', 127],
    ['ff', -1],
    ['c0', null],
    ['c2', false],
    ['c3', true],
    ['cc ff', 255],
    ['cd 01 00', 256],
    ['ce ff ff ff ff', 2 ** 32 - 1],
    ['cf 00 1f ff ff ff ff ff ff', Number.MAX_SAFE_INTEGER],
    ['cf ff ff ff ff ff ff ff ff', 2n ** 64n - 1n],
    ['d0 80', -128],
    ['d1 80 00', -32_768],
    ['d2 80 00 00 00', -(2 ** 31)],
    ['d3 80 00 00 00 00 00 00 00', -(2n ** 63n)],
    ['ca 3f 80 00 00', 1],
    ['cb 3f f8 00 00 00 00 00 00', 1.5],
    ['a2 c3 a9', 'é'],
    ['d9 01 61', 'a'],
    ['da 00 01 61', 'a'],
    ['92 01 02', [1, 2]],
    ['dc 00 01 c0', [null]],
    ['81 a1 61 01', { a: 1 }],
    ['de 00 01 a1 61 01', { a: 1 }],
  ];
  for (const [hex, value] of forms) assert.deepEqual(decode(hex), value, hex);
  assert.deepEqual(decode('c4 02 00 ff'), new Uint8Array([0, 255]));
});

test('what is cut, follows, nests too deep or claims too much is refused', () => {
  for (const hex of [
    '',
    '92 01',
    'dd ff ff ff ff',
    'df ff ff ff ff',
    'c6 ff ff ff ff',
    '01 01',
    'c1',
    'd4 00 00',
    'a1 ff',
    '81 01 01',
    '91 91 91 91 91 c0',
  ])
    assert.throws(() => decode(hex), GatewayError, hex);
  const many = Buffer.concat([Buffer.from('dc0065', 'hex'), Buffer.alloc(101)]);
  assert.throws(() => decodeMsgpack(many, bounds), /more than 100 values/);
});

test('a batch that does not add up is refused, an event that is not known is counted', () => {
  // [1.5, [["BlockStored", [7], null, [1, 2, 3], 2]]]: one block of two cannot have three tokens.
  const wrong = '92 cb 3ff8000000000000 91 95 ab 426c6f636b53746f726564 91 07 c0 93 01 02 03 02';
  assert.throws(() => decodeKvEvents(Buffer.from(wrong.replaceAll(' ', ''), 'hex')), /3 tokens/);
  const novel = Buffer.from('92cb3ff80000000000009191a34e6577', 'hex');
  assert.deepEqual(decodeKvEvents(novel), { events: [], unknown: 1, dataParallelRank: undefined });
  assert.throws(() => decodeKvEvents(Buffer.from('c0', 'hex')), /no list of events/);
});
