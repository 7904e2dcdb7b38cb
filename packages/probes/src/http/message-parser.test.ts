import assert from 'node:assert/strict';
import test from 'node:test';
import { MessageParser } from './message-parser.ts';

/** A parser in the middle of a chunked answer, and what it has told since. */
function chunkedAnswer(): { readonly parser: MessageParser; readonly told: readonly string[] } {
  const told: string[] = [];
  const parser = new MessageParser(
    {
      onHead: () => ({ kind: 'chunked' }),
      onBytes: () => undefined,
      onBody: (bytes) => told.push(Buffer.from(bytes).toString()),
      onBodySkipped: (count) => told.push(`skipped ${count}`),
      onEnd: () => told.push('end'),
      onLost: (reason) => told.push(reason),
    },
    { startForm: /^HTTP/, headBytesMax: 1_000 },
  );
  operation(parser, 'HTTP/1.1 200 OK\r\n\r\n');
  return { parser, told };
}

function operation(parser: MessageParser, head: string, skipped = 0, tail = ''): void {
  parser.beginOperation(Buffer.from(head));
  parser.feed(Buffer.from(head));
  if (skipped > 0) parser.skip(skipped);
  parser.feed(Buffer.from(tail));
}

test('bytes that were not captured within a chunk leave its framing alone', () => {
  const { parser, told } = chunkedAnswer();
  operation(parser, 'a\r\nabc', 4, 'xyz\r\n');
  operation(parser, '1\r\n!\r\n0\r\n\r\n');
  assert.deepEqual(told, ['abc', 'skipped 4', 'xyz', '!', 'end']);
});

test('framing that was lost over several chunks is found again where an operation begins with one', () => {
  const { parser, told } = chunkedAnswer();
  operation(parser, '3\r\nabc\r\n3\r\nd', 500, 'y\r\n3\r\nxyz\r\n');
  operation(parser, 'half of a chunk\r\n');
  operation(parser, '3\r\nnew\r\n0\r\n\r\n');
  assert.deepEqual(told, [
    'abc',
    'd',
    'framing-lost',
    'skipped 500',
    'skipped 11',
    'skipped 17',
    'new',
    'end',
  ]);
});

test('an answer ends with its last chunk, also while framing is lost', () => {
  const { parser, told } = chunkedAnswer();
  operation(parser, '3\r\nabc\r\n', 500, 'xyz\r\n0\r\n\r\n');
  assert.deepEqual(told.slice(-1), ['end']);
  operation(parser, 'HTTP/1.1 200 OK\r\n\r\n1\r\n?\r\n');
  assert.deepEqual(told.slice(-1), ['?']);
});

test('events that a probe lost within a chunked answer are passed over in the same way', () => {
  const { parser, told } = chunkedAnswer();
  operation(parser, '3\r\nabc\r\n');
  parser.lose();
  operation(parser, '2\r\nok\r\n');
  assert.deepEqual(told, ['abc', 'ok']);
});
