import assert from 'node:assert/strict';
import test from 'node:test';
import { HeaderBlock } from './header-block.ts';

test('fields are found by name however it was written, and keep their bytes', () => {
  const block = HeaderBlock.of({ 'X-Own': 'One', 'set-cookie': ['a=1', 'b=2'] });
  assert.equal(block.bytes.toString(), 'X-Own: One\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n');
  assert.equal(block.get('x-own'), 'One');
  assert.equal(block.get('set-cookie'), 'a=1, b=2');
  assert.equal(block.get('x-ow'), undefined);
  assert.deepEqual(
    [...block].map(([name]) => name),
    ['x-own', 'set-cookie', 'set-cookie'],
  );
});

test('with replaces all of one name, without takes them away, and the block itself stays', () => {
  const block = HeaderBlock.of({ a: ['1', '2'], b: '3' });
  const changed = block.with({ a: '4', c: '5' });
  assert.deepEqual(
    [...changed],
    [
      ['b', '3'],
      ['a', '4'],
      ['c', '5'],
    ],
  );
  assert.deepEqual([...changed.without(['a', 'b'])], [['c', '5']]);
  assert.equal(block.get('a'), '1, 2');
  assert.equal(changed.without(['c']).get('a'), '4');
});

test('what would make another line of a header is a bug', () => {
  for (const value of ['a\r\nb: c', 'a\nb', 'a\u0000', '\u4e2d'])
    assert.throws(() => HeaderBlock.of({ a: value }), /cannot be sent/);
  assert.throws(() => HeaderBlock.of({ 'a b': 'c' }), /is a token/);
});
