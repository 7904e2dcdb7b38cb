import assert from 'node:assert/strict';
import test from 'node:test';
import type { RequestRecord } from '../requests/request-record.ts';
import { SocketScript } from '../testing/socket-script.ts';
import { Assembly } from './assembly.ts';

function assemble(...scripts: readonly SocketScript[]): RequestRecord[] {
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record));
  const events = scripts.flatMap((script) => script.events);
  for (const event of events.toSorted((one, other) => one.timeNs - other.timeNs))
    assembly.push(event);
  assembly.close();
  return records;
}

function post(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function delta(content: string): string {
  return `data: ${JSON.stringify({ model: 'small', choices: [{ delta: { content } }] })}\n\n`;
}

const streamHead =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const question = post(
  '/v1/chat/completions',
  '{"model":"small","stream":true,"messages":[{"role":"user","content":"Hi"}]}',
);
const usage = `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 4 } } })}\n\n`;

test('a streamed answer has four separate numbers: writes, events, content chunks, reported tokens', () => {
  const script = new SocketScript().receive(question);
  script.send(streamHead, chunk(delta('')), chunk(delta('a') + delta('b')), chunk(usage));
  script.send(`${chunk('data: [DONE]\n\n')}0\r\n\r\n`);
  const [record, ...others] = assemble(script);
  assert.deepEqual(others, []);
  assert.equal(record?.writes, 5);
  assert.equal(record.events, 5);
  assert.equal(record.contentChunks, 2);
  assert.deepEqual(record.usage, { inputTokens: 9, outputTokens: 2, cachedTokens: 4 });
  assert.equal(record.route, '/v1/chat/completions');
  assert.equal(record.model, 'small');
  assert.equal(record.isStream, true);
  assert.equal(record.status, 200);
  assert.equal(record.ending, 'answered');
  assert.deepEqual(record.incomplete, []);
});

test('time to first token is that of the first content, not of the head or the role', () => {
  const script = new SocketScript().receive(question).wait(10).send(streamHead).wait(5);
  script
    .send(chunk(delta('')))
    .wait(20)
    .send(chunk(delta('a')), '0\r\n\r\n');
  const [record] = assemble(script);
  const ms = (ns: number | undefined): number => ((ns ?? 0) - (record?.startNs ?? 0)) / 1e6;
  assert.equal(ms(record?.headNs), 11);
  assert.equal(ms(record?.firstOutputNs), 38);
  assert.equal(ms(record?.endNs), 39);
  assert.deepEqual(
    record?.outputs.map(({ timeNs, contentChunks }) => [ms(timeNs), contentChunks]),
    [
      [17, 0],
      [38, 1],
    ],
  );
});

test('a request whose bytes waited to be read begins when they arrived', () => {
  const script = new SocketScript().receive(question);
  const events = script.events.map((event) =>
    event.kind === 'receive' ? { ...event, beginNs: event.timeNs - 500_000 } : event,
  );
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record));
  for (const event of events) assembly.push(event);
  assembly.close();
  assert.equal((records[0]?.readNs ?? 0) - (records[0]?.startNs ?? 0), 500_000);
});

test('requests sent ahead are answered in their order, also by one write', () => {
  const script = new SocketScript().receive(post('/a', '{}') + post('/b', '{}'));
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  script.send(answer + answer.replace('200 OK', '404 Not Found'));
  const records = assemble(script);
  assert.deepEqual(
    records.map(({ route, status, writes }) => [route, status, writes]),
    [
      ['/a', 200, 1],
      ['/b', 404, 1],
    ],
  );
});

test('an answer without a length ends with its connection', () => {
  const script = new SocketScript().receive('GET /x HTTP/1.0\r\n\r\n');
  script
    .send('HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n', '{"model":"m"}')
    .state(1, 4);
  const [record] = assemble(script);
  assert.equal(record?.ending, 'answered');
  assert.equal(record.model, 'm');
  assert.equal(record.events, 1);
});

test('interim answers are not the answer', () => {
  const script = new SocketScript().receive(
    'POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n',
  );
  script
    .send('HTTP/1.1 100 Continue\r\n\r\n')
    .receive('{}')
    .send('HTTP/1.1 204 No Content\r\n\r\n');
  const [record, ...others] = assemble(script);
  assert.equal(record?.status, 204);
  assert.equal(others.length, 0);
});

test('work after the client has gone is counted', () => {
  const script = new SocketScript().receive(question).send(streamHead, chunk(delta('a')));
  script
    .state(1, 8)
    .wait(50)
    .send(chunk(delta('b')), chunk(delta('c')))
    .state(8, 7);
  const [record] = assemble(script);
  assert.equal(record?.ending, 'peer-reset');
  assert.equal(record.abandoned?.writes, 2);
  assert.equal(record.abandoned.contentChunks, 2);
  assert.equal((record.abandoned.lastWriteNs - record.abandoned.clientGoneNs) / 1e6, 52);
});

test('a lost operation marks the request that it belonged to, and no other', () => {
  const script = new SocketScript().receive(question).send(streamHead).dropped('send', 300);
  script
    .send(chunk(delta('z')))
    .receive(question)
    .send(`${streamHead}${chunk(delta('a'))}0\r\n\r\n`);
  const other = new SocketScript({ cookie: 2, startMs: 0.5 }).receive(question);
  other.send(`${streamHead}${chunk(delta('a'))}0\r\n\r\n`);
  const records = assemble(script, other);
  assert.deepEqual(
    records.map(({ cookie, ending, incomplete }) => [cookie, ending, incomplete]),
    [
      [2, 'answered', []],
      [1, 'lost', ['events-lost', 'still-open']],
      [1, 'answered', []],
    ],
  );
});

test('bytes that were not captured are passed over within a body, and told', () => {
  const text = 'x'.repeat(6000);
  const script = new SocketScript().receive(question).send(streamHead);
  script.sendInPart(chunk(delta('a') + delta(text)), { head: 1000, tail: 200 });
  script.send(`${chunk(usage)}0\r\n\r\n`);
  const [record] = assemble(script);
  assert.deepEqual(record?.incomplete, ['bytes-not-seen']);
  assert.equal(record.ending, 'answered');
  assert.equal(record.usage.inputTokens, 9);
});

test('a connection met midway is followed from its next request on', () => {
  const script = new SocketScript({ isMidway: true }).send(chunk(delta('a')), '0\r\n\r\n');
  script.receive(question).send(`${streamHead}${chunk(delta('a'))}0\r\n\r\n`);
  const [record, ...others] = assemble(script);
  assert.equal(record?.ending, 'answered');
  assert.equal(record.contentChunks, 1);
  assert.deepEqual(others, []);
});

test('a compressed answer is timed, and its events are not guessed', () => {
  const script = new SocketScript().receive(question);
  script.send(
    streamHead.replace('\r\n\r\n', '\r\nContent-Encoding: gzip\r\n\r\n'),
    chunk('??'),
    '0\r\n\r\n',
  );
  const [record] = assemble(script);
  assert.equal(record?.events, undefined);
  assert.equal(record?.contentChunks, undefined);
  assert.deepEqual(record?.incomplete, ['encoded']);
});

test('what is no HTTP is left alone', () => {
  const script = new SocketScript()
    .receive(Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0))
    .send('\u0016\u0003\u0003');
  assert.deepEqual(assemble(script), []);
});

test('an event of an error in a stream is told', () => {
  const script = new SocketScript().receive(question);
  script.send(streamHead, chunk('data: {"error":{"message":"gone"}}\n\n'), '0\r\n\r\n');
  assert.equal(assemble(script)[0]?.hasStreamError, true);
});

test('at the bound of connections the one that was quiet longest leaves', () => {
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record), { connectionsMax: 2 });
  for (const cookie of [1, 2, 3]) {
    for (const event of new SocketScript({ cookie }).receive(question).events) assembly.push(event);
  }
  assert.equal(assembly.counts.connectionsEvicted, 1);
  assert.equal(assembly.counts.openRequests, 2);
  assert.deepEqual(
    records.map(({ cookie, ending }) => [cookie, ending]),
    [[1, 'lost']],
  );
});

test('at the bound of requests of a connection the oldest is closed as incomplete', () => {
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record), { requestsPerConnectionMax: 1 });
  for (const event of new SocketScript().receive(post('/a', '{}'), post('/b', '{}')).events)
    assembly.push(event);
  assert.deepEqual(
    records.map(({ route, incomplete }) => [route, incomplete]),
    [['/a', ['requests-beyond-bound', 'still-open']]],
  );
});

test('outputs beyond their bound are counted and not kept', () => {
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record), { outputsPerRequestMax: 2 });
  const script = new SocketScript().receive(question).send(streamHead);
  script.send(chunk(delta('a')), chunk(delta('b')), chunk(delta('c')), '0\r\n\r\n');
  for (const event of script.events) assembly.push(event);
  assert.equal(records[0]?.outputs.length, 2);
  assert.equal(records[0].contentChunks, 3);
  assert.deepEqual(records[0].incomplete, ['outputs-beyond-bound']);
});
