import assert from 'node:assert/strict';
import test from 'node:test';
import { readRequests, testHeadBounds } from '../testing/read-messages.ts';
import { type RefusalReason, refusalStatus } from './refusal.ts';

const host = 'Host: gateway';

function post(fields: readonly string[], body = ''): string {
  return ['POST / HTTP/1.1', host, ...fields, '', body].join('\r\n');
}

const chunked = 'Transfer-Encoding: chunked';

const refused: readonly (readonly [what: string, reason: RefusalReason, message: string])[] = [
  [
    'two different lengths',
    'content-length-repeated',
    post(['Content-Length: 1', 'Content-Length: 2'], 'a'),
  ],
  [
    'the same length twice',
    'content-length-repeated',
    post(['Content-Length: 1', 'content-length: 1'], 'a'),
  ],
  ['lengths in a list', 'content-length-invalid', post(['Content-Length: 1, 1'], 'a')],
  ['a length with a sign', 'content-length-invalid', post(['Content-Length: +1'], 'a')],
  ['a negative length', 'content-length-invalid', post(['Content-Length: -1'], 'a')],
  ['a length in hexadecimal', 'content-length-invalid', post(['Content-Length: 0x1'], 'a')],
  ['an empty length', 'content-length-invalid', post(['Content-Length: '], 'a')],
  [
    'a length that no number holds',
    'content-length-invalid',
    post(['Content-Length: 18446744073709551617'], 'a'),
  ],
  [
    'length and chunks',
    'content-length-and-transfer-encoding',
    post(['Content-Length: 1', chunked], '0\r\n\r\n'),
  ],
  [
    'chunks and length',
    'content-length-and-transfer-encoding',
    post([chunked, 'Content-Length: 1'], '0\r\n\r\n'),
  ],
  ['chunked twice', 'transfer-encoding-repeated', post([chunked, chunked], '0\r\n\r\n')],
  ['chunked in a list', 'transfer-encoding-unknown', post(['Transfer-Encoding: gzip, chunked'])],
  [
    'chunked and identity',
    'transfer-encoding-unknown',
    post(['Transfer-Encoding: chunked, identity']),
  ],
  ['nearly chunked', 'transfer-encoding-unknown', post(['Transfer-Encoding: xchunked'])],
  ['chunked in quotes', 'transfer-encoding-unknown', post(['Transfer-Encoding: "chunked"'])],
  [
    'chunked with a vertical tab',
    'field-value-invalid',
    post(['Transfer-Encoding: \u000bchunked']),
  ],
  ['a tab behind chunked', 'transfer-encoding-unknown', post(['Transfer-Encoding: chunked\t'])],
  ['a tab before a length', 'content-length-invalid', post(['Content-Length:\t1'], 'a')],
  ['space before the colon', 'field-name-invalid', post(['Transfer-Encoding : chunked'])],
  [
    'a name with a control character',
    'field-name-invalid',
    post(['Transfer\u0001Encoding: chunked']),
  ],
  ['a name with a letter beyond ASCII', 'field-name-invalid', post(['Contént-Length: 1'])],
  ['no name', 'field-name-invalid', post([': x'])],
  ['a line without a colon', 'field-name-invalid', post(['nonsense'])],
  ['a folded line', 'line-folded', post(['X: a', ' b'])],
  ['a folded first line', 'field-name-invalid', `GET / HTTP/1.1\r\n ${host}\r\n\r\n`],
  ['a line feed alone behind a header', 'bare-line-feed', `GET / HTTP/1.1\r\n${host}\n\r\n`],
  ['a line feed alone behind the head', 'bare-line-feed', `GET / HTTP/1.1\r\n${host}\r\n\n`],
  ['a carriage return in a value', 'bare-carriage-return', post(['X: a\rb'])],
  ['a zero byte in a value', 'field-value-invalid', post(['X: a\u0000b'])],
  ['no host', 'host-missing', 'GET / HTTP/1.1\r\nX: y\r\n\r\n'],
  ['two hosts', 'host-repeated', `GET / HTTP/1.1\r\n${host}\r\n${host}\r\n\r\n`],
  ['an empty host', 'host-invalid', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
  ['a host with a path', 'host-invalid', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['hosts in a list', 'host-invalid', 'GET / HTTP/1.1\r\nHost: a, b@c\r\n\r\n'],
  ['another expectation', 'expectation-unknown', post(['Expect: 200-ok'])],
  [
    'a connection that takes the length off',
    'connection-invalid',
    post(['Connection: close, content-length']),
  ],
  [
    'a connection that takes the key off',
    'connection-invalid',
    post(['Connection: Authorization']),
  ],
  ['a connection with a space in a name', 'connection-invalid', post(['Connection: keep alive'])],
  [
    'chunks in HTTP/1.0',
    'transfer-encoding-in-1.0',
    `POST / HTTP/1.0\r\n${chunked}\r\n\r\n0\r\n\r\n`,
  ],
  ['HTTP/2', 'version-unknown', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['HTTP/1.2', 'version-unknown', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n'],
  ['HTTP/2.0 in a line of HTTP/1', 'version-unknown', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'],
  ['HTTP/0.9', 'version-unknown', 'GET / HTTP/0.9\r\n\r\n'],
  ['no version', 'target-invalid', 'GET /\r\n\r\n'],
  ['a version in small letters', 'version-invalid', 'GET / http/1.1\r\nHost: a\r\n\r\n'],
  ['two spaces before the version', 'version-invalid', 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a space behind the version', 'version-invalid', 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n'],
  ['a line feed alone behind the version', 'version-invalid', 'GET / HTTP/1.1\nHost: a\n\n'],
  ['an empty line before', 'method-invalid', `\r\nGET / HTTP/1.1\r\n${host}\r\n\r\n`],
  ['a TLS handshake', 'method-invalid', '\u0016\u0003\u0001\u0002\u0000'],
  ['a method nobody knows', 'method-unknown', `BREW / HTTP/1.1\r\n${host}\r\n\r\n`],
  ['a tunnel', 'method-unknown', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'],
  ['a method in small letters', 'method-unknown', `get / HTTP/1.1\r\n${host}\r\n\r\n`],
  ['a method without end', 'method-invalid', 'G'.repeat(40)],
  ['a target without a slash', 'target-invalid', `GET a HTTP/1.1\r\n${host}\r\n\r\n`],
  ['an asterisk for GET', 'target-invalid', `GET * HTTP/1.1\r\n${host}\r\n\r\n`],
  ['an address of another host', 'target-invalid', `GET http://other/ HTTP/1.1\r\n${host}\r\n\r\n`],
  [
    'an address with a user',
    'target-invalid',
    `GET http://gateway@other/ HTTP/1.1\r\n${host}\r\n\r\n`,
  ],
  ['a fragment', 'target-invalid', `GET /#a HTTP/1.1\r\n${host}\r\n\r\n`],
  ['a target beyond ASCII', 'target-invalid', `GET /\u00e9 HTTP/1.1\r\n${host}\r\n\r\n`],
  [
    'a target that is too long',
    'target-too-long',
    `GET /${'a'.repeat(testHeadBounds.targetBytesMax)}`,
  ],
  ['too many headers', 'too-many-fields', post(Array.from({ length: 20 }, (_, at) => `A${at}: b`))],
  [
    'headers that are too large',
    'fields-too-large',
    post([`A: ${'b'.repeat(testHeadBounds.fieldBytesMax)}`]),
  ],
  ['a chunk of no digits', 'chunk-size-invalid', post([chunked], '\r\n')],
  ['a chunk in 0x', 'chunk-size-invalid', post([chunked], '0x5\r\nabcde\r\n')],
  ['a chunk with a sign', 'chunk-size-invalid', post([chunked], '+5\r\nabcde\r\n')],
  ['a chunk with a space', 'chunk-size-invalid', post([chunked], '5 \r\nabcde\r\n')],
  ['a chunk in a bare line', 'bare-line-feed', post([chunked], '5\nabcde\r\n')],
  [
    'a chunk that no number holds',
    'chunk-size-too-large',
    post([chunked], '10000000000000005\r\nabcde\r\n'),
  ],
  ['a chunk that is longer', 'chunk-not-ended', post([chunked], '5\r\nabcdef\r\n')],
  ['a chunk that ends in a bare line', 'chunk-not-ended', post([chunked], '5\r\nabcde\n0\r\n\r\n')],
  ['an extension without a name', 'chunk-extension-invalid', post([chunked], '5;\r\nabcde\r\n')],
  ['an extension with a bare line', 'bare-line-feed', post([chunked], '5;a\nabcde\r\n')],
  [
    'an extension with a control character',
    'chunk-extension-invalid',
    post([chunked], '5;a="\u0001"\r\nabcde\r\n'),
  ],
  [
    'extensions without end',
    'chunk-extensions-too-large',
    post([chunked], `5;${'a'.repeat(5000)}`),
  ],
  ['a trailer that frames', 'trailer-invalid', post([chunked], '0\r\nContent-Length: 5\r\n\r\n')],
  ['a trailer in a bare line', 'bare-line-feed', post([chunked], '0\r\nA: b\n\r\n')],
  [
    'trailers that are too large',
    'trailers-too-large',
    post([chunked], `0\r\nA: ${'b'.repeat(9000)}\r\n\r\n`),
  ],
];

for (const [what, reason, message] of refused)
  test(`refuses ${what}`, () => {
    const bytes = Buffer.from(message, what.includes('beyond ASCII') ? 'utf8' : 'latin1');
    const read = readRequests(bytes);
    assert.deepEqual([read.refusal, read.messages], [reason, []]);
  });

test('a refusal has the status that says whose fault it is', () => {
  assert.equal(refusalStatus('content-length-repeated'), 400);
  assert.equal(refusalStatus('target-too-long'), 414);
  assert.equal(refusalStatus('fields-too-large'), 431);
  assert.equal(refusalStatus('method-unknown'), 501);
  assert.equal(refusalStatus('version-unknown'), 505);
});

test('reads requests one behind another, bodies of each kind among them', () => {
  const text =
    post(['Content-Length: 3', 'X-A:  spaced \t'], 'one') +
    post([chunked, 'TE: trailers'], '3;a=b;c="d e"\r\ntwo\r\n2\r\n+2\r\n0\r\nX-Sum: 1\r\n\r\n') +
    `OPTIONS * HTTP/1.1\r\n${host}\r\n\r\n` +
    `GET http://GATEWAY/path?q HTTP/1.1\r\n${host}\r\nConnection: X-B\r\nX-B: dropped\r\nX-C: kept\r\n\r\n` +
    `GET /last HTTP/1.0\r\n\r\nwhat follows is not read`;
  const { messages, refusal, isClosed } = readRequests(Buffer.from(text, 'latin1'));
  assert.deepEqual(messages, [
    { start: 'POST /', headers: [['x-a', 'spaced']], body: 'one' },
    { start: 'POST /', headers: [], body: 'two+2' },
    { start: 'OPTIONS *', headers: [], body: '' },
    { start: 'GET /path?q', headers: [['x-c', 'kept']], body: '' },
    { start: 'GET /last', headers: [], body: '' },
  ]);
  assert.deepEqual([refusal, isClosed], [undefined, true]);
});
