import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { fieldBlock } from '../http1/field-block.ts';
import type { Progress } from '../http1/field-parser.ts';
import { SharedHeads } from '../http1/known-head.ts';
import { RequestParser } from '../http1/request-parser.ts';
import { ResponseParser } from '../http1/response-parser.ts';
import type { HeaderBlock } from '../messages/header-block.ts';
import { HeadReader } from './head-reader.ts';

const bounds = { targetBytesMax: 40, fieldsMax: 8, fieldBytesMax: 110 };
const bodyText = 'body';

/** Mostly the same lines, so that heads are often the same but for their lengths. */
const length = fc.oneof(
  { weight: 30, arbitrary: fc.nat(1_000_000).map(String) },
  fc.constantFrom('0', '5', '007', '', '+1', '1 ', '1234567890123456', '1x', '1, 1', '\t1'),
);
const lengthLine = fc
  .tuple(
    fc.oneof(
      { weight: 20, arbitrary: fc.constant('Content-Length: ') },
      fc.constantFrom('content-length:', 'Content-Length:  '),
    ),
    length,
  )
  .map((parts) => parts.join(''));
const line = fc.constantFrom(
  'X-Own: 1',
  'X-Own: 2',
  'Accept:*/*',
  'Te: trailers',
  'Connection: x-own',
  'Connection: close',
  'Content-Type: application/json',
);
const linesBefore = fc.oneof(
  { weight: 20, arbitrary: fc.constant(['X-Own: 1']) },
  fc.array(line, { maxLength: 3 }),
);
const linesBehind = fc.oneof(
  { weight: 20, arbitrary: fc.constant(['X-Own: 2']) },
  fc.array(line, { maxLength: 2 }),
);
const headOf = (start: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(start, linesBefore, fc.option(lengthLine, { freq: 20, nil: undefined }), linesBehind)
    .map(([first, before, own, behind]) =>
      [first, ...before, ...(own === undefined ? [] : [own]), ...behind, '', ''].join('\r\n'),
    );
const request = headOf(
  fc.oneof(
    { weight: 20, arbitrary: fc.constant('POST /v1 HTTP/1.1\r\nHost: a') },
    fc.constantFrom('GET http://a/b HTTP/1.1\r\nHost: a', 'POST /v1 HTTP/1.0', 'HEAD /v1 HTTP/1.1'),
  ),
);
const answer = headOf(
  fc.oneof(
    { weight: 20, arbitrary: fc.constant('HTTP/1.1 200 OK') },
    fc.constantFrom('HTTP/1.1 100 Continue', 'HTTP/1.1 404 No', 'HTTP/1.0 200 OK'),
  ),
);
const headsOf = (one: fc.Arbitrary<string>) =>
  fc.array(fc.tuple(one, fc.option(fc.nat(90), { freq: 2, nil: undefined })), {
    minLength: 3,
    maxLength: 8,
  });

type Parser = RequestParser | ResponseParser;

/** All that a parser says of a head. */
function told(parser: Parser, progress: Progress, headers: () => HeaderBlock): unknown {
  if (progress !== 'done') return { progress, refusal: parser.refusal };
  const { framing, fields, length: headBytes, isKeptAlive, isHttp10 } = parser;
  const { contentLength, isChunked, hasHost, expectsContinue, saysClose, namesFields } = framing;
  const start =
    parser instanceof RequestParser
      ? [parser.method, parser.targetStart, parser.targetEnd]
      : [parser.status, parser.bodyFraming(false)];
  return {
    start,
    framing: { contentLength, isChunked, hasHost, expectsContinue, saysClose, namesFields },
    lengthAt: [framing.lengthStart, framing.lengthEnd],
    fields: Array.from(fields.numbers.subarray(0, 5 * fields.count)),
    rest: [headBytes, isKeptAlive, isHttp10],
    headers: headers().toBytes().toString('latin1'),
    pairs: [...headers()],
  };
}

function readAnew(parser: Parser, bytes: Buffer): unknown {
  parser.reset();
  const progress = parser.parse(bytes, 0, bytes.length);
  return told(parser, progress, () => fieldBlock(parser, bytes, 0));
}

/** Reads heads one behind another as a connection brings them; answers how many of them were known. */
function readInTurn(
  create: () => Parser,
  heads: SharedHeads,
  all: readonly (readonly [text: string, cut: number | undefined])[],
): number {
  const reader = new HeadReader(create(), heads);
  // All that comes stands in the same memory, one after another.
  const memory = Buffer.alloc(400);
  const kept: { readonly block: HeaderBlock; readonly text: string }[] = [];
  let knownCount = 0;
  for (const [index, [text, cut]] of all.entries()) {
    const start = index % 7;
    const end = start + memory.write(text + bodyText, start, 'latin1');
    const middle = cut === undefined ? end : Math.min(start + cut, end);
    reader.reset();
    let progress = reader.take(memory, start, middle);
    if (progress === 'more') {
      const rest = Buffer.from(memory.subarray(middle, end));
      memory.fill('#');
      progress = reader.take(rest, 0, rest.length);
    }
    const expected = readAnew(create(), Buffer.from(text + bodyText, 'latin1'));
    assert.deepEqual(
      told(reader.parser, progress, () => reader.headers()),
      expected,
      text,
    );
    if (progress !== 'done') break;
    if (middle === end) assert.equal(reader.bytes[reader.bodyStart], bodyText.charCodeAt(0));
    if (reader.isKnown) knownCount++;
    const block = reader.headers();
    kept.push({ block, text: block.toBytes().toString('latin1') });
  }
  memory.fill('#');
  for (const { block, text } of kept) assert.equal(block.toBytes().toString('latin1'), text);
  return knownCount;
}

for (const [what, create, one] of [
  ['requests', () => new RequestParser(bounds), request],
  ['answers', () => new ResponseParser(bounds), answer],
] as const)
  test(`heads of ${what} are told the same, whether the one before was alike or not`, () => {
    let knownCount = 0;
    // What other connections brought is there for those behind them.
    const heads = new SharedHeads();
    fc.assert(
      fc.property(headsOf(one), (all) => void (knownCount += readInTurn(create, heads, all))),
      { numRuns: 1500 },
    );
    assert.ok(knownCount > 100, `${knownCount} heads were known`);
  });

const usual = 'POST /v1 HTTP/1.1\r\nHost: a\r\nX-Own: 1\r\nContent-Length: 12\r\n\r\n';

function takeOne(reader: HeadReader<RequestParser>, text: string): HeaderBlock {
  reader.reset();
  assert.equal(reader.take(Buffer.from(text, 'latin1'), 0, text.length), 'done');
  return reader.headers();
}

test('a head is known from its third time on, and its fields are then the same ones', () => {
  const reader = new HeadReader(new RequestParser(bounds), new SharedHeads());
  const known = [1, 2, 3, 4].map(() => {
    const headers = takeOne(reader, usual);
    return { headers, isKnown: reader.isKnown };
  });
  assert.deepEqual(
    known.map(({ isKnown }) => isKnown),
    [false, false, true, true],
  );
  assert.equal(known[2]?.headers, known[3]?.headers);
  takeOne(reader, usual.replace('12', '12345'));
  assert.equal(reader.isKnown, true);
  assert.equal(reader.parser.framing.contentLength, 12_345);
  takeOne(reader, usual.replace('X-Own: 1', 'X-Own: 2'));
  assert.equal(reader.isKnown, false);
  assert.equal(known[2]?.headers.get('x-own'), '1');
});

test('a longer head than is kept is read anew each time', () => {
  const reader = new HeadReader(
    new RequestParser({ ...bounds, fieldBytesMax: 10_000 }),
    new SharedHeads(),
  );
  const long = usual.replace('X-Own: 1', `X-Own: ${'1'.repeat(5000)}`);
  for (let count = 0; count < 4; count++) {
    assert.equal(takeOne(reader, long).get('x-own')?.length, 5000);
    assert.equal(reader.isKnown, false);
  }
});

test('a head that grew beyond the bound is refused, though it was known before', () => {
  const reader = new HeadReader(
    new RequestParser({ ...bounds, fieldBytesMax: 42 }),
    new SharedHeads(),
  );
  for (let count = 0; count < 3; count++) takeOne(reader, usual);
  takeOne(reader, usual.replace('12', '123'));
  assert.equal(reader.isKnown, true);
  const grown = Buffer.from(usual.replace('12', '1234'));
  reader.reset();
  assert.equal(reader.take(grown, 0, grown.length), 'refused');
  assert.equal(reader.parser.refusal, 'fields-too-large');
});

test('connections that bring the same head have its fields in common, whatever lengths they tell', () => {
  const heads = new SharedHeads();
  const [one, other] = ['7', '1234567'].map((length) => {
    const reader = new HeadReader(new RequestParser(bounds), heads);
    for (let count = 0; count < 3; count++) takeOne(reader, usual.replace('12', length));
    return reader;
  });
  assert.equal(one?.headers(), other?.headers());
  for (const length of ['8', '123']) {
    assert.equal(
      takeOne(other as HeadReader<RequestParser>, usual.replace('12', length)),
      one?.headers(),
    );
    assert.equal(other?.parser.framing.contentLength, Number(length));
  }
});

test('of shared heads the oldest goes when there are too many', () => {
  const heads = new SharedHeads();
  const headersOf = (own: number): HeaderBlock => {
    const reader = new HeadReader(new RequestParser(bounds), heads);
    for (let count = 0; count < 2; count++)
      takeOne(reader, usual.replace('X-Own: 1', `X-Own: ${own}`));
    return takeOne(reader, usual.replace('X-Own: 1', `X-Own: ${own}`));
  };
  const first = headersOf(0);
  assert.equal(headersOf(0), first);
  for (let own = 1; own <= 64; own++) assert.equal(headersOf(own).get('x-own'), String(own));
  assert.notEqual(headersOf(0), first);
  assert.equal(first.get('x-own'), '0');
});
