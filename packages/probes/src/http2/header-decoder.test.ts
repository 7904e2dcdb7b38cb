import assert from 'node:assert/strict';
import test from 'node:test';
import { HeaderDecoder } from './header-decoder.ts';
import { HuffmanDecoder } from './huffman.ts';

function bytes(hex: string): Uint8Array {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

function lines(decoder: HeaderDecoder, hex: string): readonly string[] | undefined {
  return decoder.decode(bytes(hex))?.map(({ name, value }) => `${name}: ${value}`);
}

// The examples of RFC 7541, C.4 and C.5.
test('requests with Huffman codes are read as the standard has them', () => {
  const decoder = new HeaderDecoder();
  assert.deepEqual(lines(decoder, '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'), [
    ':method: GET',
    ':scheme: http',
    ':path: /',
    ':authority: www.example.com',
  ]);
  assert.deepEqual(
    lines(decoder, '8286 84be 5886 a8eb 1064 9cbf')?.at(-1),
    'cache-control: no-cache',
  );
  assert.deepEqual(lines(decoder, '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'), [
    ':method: GET',
    ':scheme: https',
    ':path: /index.html',
    ':authority: www.example.com',
    'custom-key: custom-value',
  ]);
});

test('entries leave the table when it is full', () => {
  const decoder = new HeaderDecoder();
  const date = '6196 d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff';
  decoder.decode(bytes(`3f e1 01 ${date}`));
  assert.deepEqual(lines(decoder, 'be'), ['date: Mon, 21 Oct 2013 20:13:21 GMT']);
  decoder.decode(bytes('20'));
  assert.deepEqual(decoder.decode(bytes('be')), [{ name: undefined, value: undefined }]);
});

test('an entry made before the connection was watched is unknown, later ones keep their numbers', () => {
  const decoder = new HeaderDecoder();
  assert.deepEqual(decoder.decode(bytes('c0')), [{ name: undefined, value: undefined }]);
  assert.deepEqual(lines(decoder, '4001 6101 62'), ['a: b']);
  assert.deepEqual(lines(decoder, 'be'), ['a: b']);
});

test('a malformed block is refused', () => {
  for (const hex of ['80', '40', '4001', '41 8c f1', 'ff ff ff ff ff ff', '3f ff ff ff ff 0f']) {
    assert.equal(new HeaderDecoder().decode(bytes(hex)), undefined, hex);
  }
});

test('padding that is too long, or not of ones, is refused', () => {
  const decoder = new HuffmanDecoder();
  assert.equal(decoder.decode(bytes('1f')), 'a');
  assert.equal(decoder.decode(bytes('1ffe')), undefined);
  assert.equal(decoder.decode(bytes('1fff')), undefined);
  assert.equal(decoder.decode(bytes('18')), undefined);
});
