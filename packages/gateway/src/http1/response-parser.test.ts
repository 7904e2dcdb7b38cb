import assert from 'node:assert/strict';
import test from 'node:test';
import { readAnswer } from '../testing/read-messages.ts';
import { ResponseParser } from './response-parser.ts';

const read = (text: string): ReturnType<typeof readAnswer> =>
  readAnswer(Buffer.from(text, 'latin1'));

const bounds = { fieldsMax: 8, fieldBytesMax: 1000 };

test('reads answers of each framing', () => {
  for (const [text, body] of [
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', 'hi'],
    ['HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n', 'hi'],
    ['HTTP/1.0 200 Fine then\r\n\r\nuntil the end', 'until the end'],
    ['HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', ''],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n', ''],
    [
      'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na',
      'a',
    ],
  ] as const)
    assert.equal(read(text).messages[0]?.body, body, text);
});

test('an answer to HEAD has no body, whatever it says', () => {
  const parser = new ResponseParser(bounds);
  parser.reset();
  const head = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n');
  assert.equal(parser.parse(head, 0, head.length), 'done');
  assert.equal(parser.bodyFraming(true), 'none');
  assert.equal(parser.bodyFraming(false), 'length');
});

test('a connection stays as its version and its header say', () => {
  for (const [version, connection, isKept] of [
    ['1.1', '', true],
    ['1.1', 'Connection: close\r\n', false],
    ['1.0', '', false],
    ['1.0', 'Connection: Keep-Alive\r\n', true],
    ['1.1', 'Connection: keep-alive, close\r\n', false],
  ] as const) {
    const parser = new ResponseParser(bounds);
    parser.reset();
    const head = Buffer.from(`HTTP/${version} 200 OK\r\n${connection}\r\n`);
    assert.equal(parser.parse(head, 0, head.length), 'done');
    assert.equal(parser.isKeptAlive, isKept, head.toString());
  }
});

for (const [what, reason, text] of [
  ['another protocol', 'status-line-invalid', 'SSH-2.0-x\r\n'],
  ['another version', 'version-unknown', 'HTTP/1.2 200 OK\r\n\r\n'],
  ['a status of letters', 'status-invalid', 'HTTP/1.1 2x0 OK\r\n\r\n'],
  ['a status of four digits', 'status-invalid', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['a status below all', 'status-invalid', 'HTTP/1.1 099 OK\r\n\r\n'],
  ['a change of protocol', 'status-invalid', 'HTTP/1.1 101 Switching\r\n\r\n'],
  ['a status of HTTP/1.1 in HTTP/1.0', 'status-invalid', 'HTTP/1.0 100 Continue\r\n\r\n'],
  ['a status line with a zero byte', 'status-line-invalid', 'HTTP/1.1 200 O\u0000K\r\n\r\n'],
  ['a status line in a bare line', 'bare-line-feed', 'HTTP/1.1 200 OK\n\n'],
  [
    'length and chunks',
    'content-length-and-transfer-encoding',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  ],
  ['an end before the answer', 'connection-invalid', 'HTTP/1.1 100 A\r\nConnection: close\r\n\r\n'],
  [
    'a body before the answer',
    'content-length-invalid',
    'HTTP/1.1 100 A\r\nContent-Length: 1\r\n\r\na',
  ],
  [
    'chunks where there is no body',
    'transfer-encoding-unexpected',
    'HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n',
  ],
  [
    'a chunk that is longer',
    'chunk-not-ended',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
  ],
] as const)
  test(`refuses an answer with ${what}`, () => {
    assert.equal(read(text).refusal, reason);
  });
