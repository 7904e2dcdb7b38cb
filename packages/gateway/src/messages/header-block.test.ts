import assert from 'node:assert/strict';
import test from 'node:test';
import { FieldLines } from './field-lines.ts';
import { HeaderBlock, HeaderEdit } from './header-block.ts';

test('fields are found by name however it was written, and keep their bytes', () => {
  const block = HeaderBlock.of({ 'X-Own': 'One', 'set-cookie': ['a=1', 'b=2'] });
  assert.equal(block.toBytes().toString(), 'X-Own: One\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n');
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

test('an edit puts fields in place of those of their names, and takes others away', () => {
  const edit = new HeaderEdit(['a', 'd'], ['b']);
  const block = HeaderBlock.of({ A: '1', b: '2', c: '3' });
  const edited = block.edit(edit, ['4', '5']).edit(edit, ['6', '7']);
  assert.equal(edited.toBytes().toString(), 'c: 3\r\na: 6\r\nd: 7\r\n');
  assert.equal(edited.get('b'), undefined);
  assert.equal(block.get('a'), '1');
  assert.throws(() => new HeaderEdit(['a:']), /is a token/);
});

/** Lines of one letter each, and between them some that are none of the block. */
function linesIn(text: string, isShared: boolean): FieldLines {
  const lines: number[] = [];
  for (const { index } of text.matchAll(/[a-z]: .\r\n/g)) lines.push(index, index + 1, index + 6);
  return new FieldLines(Buffer.from(text, 'latin1'), lines, isShared);
}

test('lines that many messages share say the same as those of one, however often they are asked', () => {
  const text = 'POST / a: 1\r\nb: 2\r\nHOST: x\r\na: 3\r\nc: 4\r\n';
  const names = ['a', 'c'];
  const [one, shared] = [false, true].map((isShared) => new HeaderBlock(linesIn(text, isShared)));
  for (let count = 0; count < 3; count++)
    for (const block of [one, shared]) {
      assert.equal(block?.toBytes().toString(), 'a: 1\r\nb: 2\r\na: 3\r\nc: 4\r\n');
      assert.deepEqual([block.get('a'), block.get('z'), block.has('c')], ['1, 3', undefined, true]);
      assert.equal(block.without(names).toBytes().toString(), 'b: 2\r\n');
      assert.equal(block.without(['b']).toBytes().toString(), 'a: 1\r\na: 3\r\nc: 4\r\n');
      for (let at = 0; at < 26; at++) block.get(String.fromCharCode(0x61 + at));
    }
});
