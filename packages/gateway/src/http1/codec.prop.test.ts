import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { readAnswer, readRequests } from '../testing/read-messages.ts';

const binary = (maxLength: number, minLength = 0): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** Lines that mean something to a parser, whole and broken. */
const line = fc.oneof(
  fc.constantFrom(
    'Host: a',
    'Content-Length: 3',
    'Content-Length:3 ',
    'Transfer-Encoding: chunked',
    'Connection: close',
    'Connection: x-own, keep-alive',
    'X-Own: 1',
    'Expect: 100-continue',
    'X:',
    ' folded',
  ),
  binary(12),
);
const lineEnd = fc.oneof(
  { weight: 20, arbitrary: fc.constant('\r\n') },
  fc.constantFrom('\n', '\r', ''),
);
const body = fc.oneof(
  fc.constantFrom(
    '',
    'abc',
    '3\r\nabc\r\n0\r\n\r\n',
    '1;a="b"\r\na\r\n0\r\nT: 1\r\n\r\n',
    '3\r\nab',
  ),
  binary(20),
);
const messageWith = (start: fc.Arbitrary<string>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(start, fc.array(fc.tuple(line, lineEnd), { maxLength: 6 }), body)
    .map(([first, lines, rest]) => {
      const head = lines.map(([text, end]) => text + end).join('');
      return Buffer.from(`${first}\r\n${head}\r\n${rest}`, 'latin1');
    });
const request = messageWith(
  fc.constantFrom('POST / HTTP/1.1', 'GET /a?b HTTP/1.1', 'GET / HTTP/1.0'),
);
const answer = messageWith(fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.1 204', 'HTTP/1.0 404 No'));
const cuts = fc.array(fc.nat(200), { maxLength: 12 });

test('requests are read the same however they are cut', () => {
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 3 }), cuts, (parts, at) => {
      const bytes = Buffer.concat(parts);
      const whole = readRequests(bytes);
      assert.deepEqual(readRequests(bytes, at), whole);
      assert.deepEqual(readRequests(bytes, Array.from(bytes.keys())), whole, 'byte by byte');
    }),
    { numRuns: 300 },
  );
});

test('answers are read the same however they are cut', () => {
  fc.assert(
    fc.property(answer, cuts, (bytes, at) => {
      const whole = readAnswer(bytes);
      assert.deepEqual(readAnswer(bytes, at), whole);
      assert.deepEqual(readAnswer(bytes, Array.from(bytes.keys())), whole, 'byte by byte');
    }),
    { numRuns: 300 },
  );
});

test('a body that is sent in chunks is the body', () => {
  fc.assert(
    fc.property(fc.array(binary(20, 1)), cuts, (chunks, at) => {
      const coded = chunks.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('');
      const text = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${coded}0\r\n\r\n`;
      const { messages } = readRequests(Buffer.from(text, 'latin1'), at);
      assert.equal(messages[0]?.body, chunks.join(''));
    }),
  );
});
