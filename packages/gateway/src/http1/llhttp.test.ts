import assert from 'node:assert/strict';
import test from 'node:test';
import { type Prng, seededPrng } from '@millrace/stdx';
import { llhttpAnswer, llhttpRequests, type LlhttpRead } from '../testing/llhttp.ts';
import { readAnswer, type ReadMessages, readRequests } from '../testing/read-messages.ts';

/** Longer by hand: MILLRACE_FUZZ_SECONDS=600, and another seed by MILLRACE_FUZZ_SEED. */
const fuzzMs = Number(process.env['MILLRACE_FUZZ_SECONDS'] ?? 2) * 1000;
const fuzzSeed = Number(process.env['MILLRACE_FUZZ_SEED'] ?? 2026);

const host = 'Host: a\r\n';
const requestSeeds: readonly string[] = [
  `GET / HTTP/1.1\r\n${host}\r\n`,
  `GET http://a/b HTTP/1.1\r\n${host}Accept: */*\r\n\r\nGET /2 HTTP/1.1\r\n${host}\r\n`,
  `POST /v1 HTTP/1.1\r\n${host}Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello`,
  `POST /v1 HTTP/1.1\r\n${host}Content-Length:5\r\nConnection: close\r\n\r\nhello`,
  `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nTE: trailers\r\n\r\n5;a=b;c="d"\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\nGET /2 HTTP/1.1\r\n${host}\r\n`,
  `POST / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 1\r\n\r\na`,
  `GET /0 HTTP/1.0\r\n\r\n`,
  `POST /0 HTTP/1.0\r\nContent-Length: 1\r\n\r\na`,
  `OPTIONS * HTTP/1.1\r\n${host}Connection: keep-alive, x-a\r\nX-A: 1\r\nUpgrade: h2c\r\n\r\n`,
  `GET / HTTP/1.1\r\n${host}X: \u00e9\t\u00ff\r\nEmpty:\r\n\r\n`,
];
const answerSeeds: readonly string[] = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello',
  'HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
  'HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nuntil the end',
  'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nEtag: "a"\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 \u00e9\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
];
/** What breaks parsers, put in anywhere. */
const troubles: readonly string[] = [
  ...['\r', '\n', '\r\n', '\n\n', ' ', '\t', '\u0000', '\u000b', '\u007f', '\u0080', ':', ',', ';'],
  ...['"', '\\', '+', '-', '0', '0x', '1', 'f', ' chunked', 'x', '%', '#', '*', '/', '//', '@'],
  ...['Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n'],
  ...['Transfer-Encoding: identity\r\n', ' Transfer-Encoding: chunked\r\n', 'Host: b\r\n'],
  ...['Connection: close\r\n', 'HTTP/1.1', 'HTTP/1.0', '0\r\n\r\n', '5\r\n', 'GET / HTTP/1.1\r\n'],
];

function mutated(seed: string, random: Prng): string {
  let text = seed;
  for (let count = random.below(3) + 1; count > 0; count--) {
    const at = random.below(text.length + 1);
    const trouble = troubles[random.below(troubles.length)] ?? '';
    const length = random.below(3) === 0 ? random.below(4) : 0;
    const put = random.below(8) === 0 ? String.fromCharCode(random.below(256)) : trouble;
    text = text.slice(0, at) + (random.below(5) === 0 ? '' : put) + text.slice(at + length);
  }
  return text;
}

/** What we take, llhttp takes, and reads the same. What it leaves open we may refuse. */
function compare(text: string, ours: ReadMessages, theirs: LlhttpRead): void {
  const shown = JSON.stringify(text);
  for (const [index, message] of ours.messages.entries())
    assert.deepEqual(theirs.messages[index], message, `message ${index} of ${shown}`);
  if (ours.refusal === undefined && !ours.isClosed)
    assert.equal(theirs.messages.length, ours.messages.length, `messages in ${shown}`);
}

async function compareRequests(text: string): Promise<void> {
  const bytes = Buffer.from(text, 'latin1');
  const theirs = await llhttpRequests(bytes);
  // Node keeps an address with its host; here it is cut to its path.
  const messages = theirs.messages.map((message) => ({
    ...message,
    start: message.start.replace(/ https?:\/\/[^/?]*/i, ' '),
  }));
  compare(text, readRequests(bytes), { ...theirs, messages });
}

async function compareAnswers(text: string): Promise<void> {
  const bytes = Buffer.from(text, 'latin1');
  compare(text, readAnswer(bytes), await llhttpAnswer(bytes));
}

test('whole messages are read as llhttp reads them', async () => {
  for (const seed of requestSeeds) {
    assert.ok(readRequests(Buffer.from(seed, 'latin1')).messages.length > 0, seed);
    await compareRequests(seed);
  }
  for (const seed of answerSeeds) {
    assert.equal(readAnswer(Buffer.from(seed, 'latin1')).messages.length, 1, seed);
    await compareAnswers(seed);
  }
});

test(`broken requests that we take, llhttp takes and reads the same (seed ${fuzzSeed})`, async (t) => {
  const random = seededPrng(fuzzSeed);
  const deadline = performance.now() + fuzzMs;
  let count = 0;
  let takenCount = 0;
  for (; performance.now() < deadline || count < 500; count++) {
    const text = mutated(requestSeeds[random.below(requestSeeds.length)] ?? '', random);
    await compareRequests(text);
    if (readRequests(Buffer.from(text, 'latin1')).messages.length > 0) takenCount++;
  }
  t.diagnostic(`${count} requests, ${takenCount} of them taken`);
  assert.ok(takenCount > 0 && takenCount < count, 'some are taken and some refused');
});

test(`broken answers that we take, llhttp takes and reads the same (seed ${fuzzSeed})`, async (t) => {
  const random = seededPrng(fuzzSeed);
  const deadline = performance.now() + fuzzMs;
  let count = 0;
  let takenCount = 0;
  for (; performance.now() < deadline || count < 500; count++) {
    const text = mutated(answerSeeds[random.below(answerSeeds.length)] ?? '', random);
    await compareAnswers(text);
    if (readAnswer(Buffer.from(text, 'latin1')).messages.length > 0) takenCount++;
  }
  t.diagnostic(`${count} answers, ${takenCount} of them taken`);
  assert.ok(takenCount > 0 && takenCount < count, 'some are taken and some refused');
});
