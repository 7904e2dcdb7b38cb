import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { SocketEvent } from '../decoders/socket-event.ts';
import type { RequestRecord } from '../requests/request-record.ts';
import { SocketScript } from '../testing/socket-script.ts';
import { Assembly } from './assembly.ts';

interface Exchange {
  readonly request: string;
  readonly answer: string;
}

function assemble(events: readonly SocketEvent[]): RequestRecord[] {
  const records: RequestRecord[] = [];
  const assembly = new Assembly((record) => records.push(record));
  for (const event of events) assembly.push(event);
  assembly.close();
  return records;
}

/** What must not depend on how bytes were cut: all but times, writes and outputs, which are the operations themselves. */
function invariants(records: readonly RequestRecord[]): readonly unknown[] {
  const timed = ['startNs', 'readNs', 'receivedNs', 'headNs', 'firstOutputNs', 'endNs'];
  const ofOperations = new Set([...timed, 'outputs', 'writes']);
  return records.map((record) => {
    const facts = Object.entries(record).filter(([name]) => !ofOperations.has(name));
    const sum = (of: 'bodyBytes' | 'events' | 'contentChunks'): number =>
      record.outputs.reduce((total, output) => total + output[of], 0);
    return {
      ...Object.fromEntries(facts),
      sums: [sum('bodyBytes'), sum('events'), sum('contentChunks')],
    };
  });
}

function cut(text: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((at) => at % Math.max(1, text.length)))].filter(
    (at) => at > 0,
  );
  const pieces: string[] = [];
  let from = 0;
  for (const at of places.toSorted((one, other) => one - other)) {
    pieces.push(text.slice(from, at));
    from = at;
  }
  return [...pieces, text.slice(from)].filter((piece) => piece !== '');
}

function play(exchanges: readonly Exchange[], cuts: readonly number[]): RequestRecord[] {
  const script = new SocketScript();
  for (const { request, answer } of exchanges) {
    script.receive(...cut(request, cuts));
    script.send(...cut(answer, cuts));
  }
  return assemble(script.events);
}

const text = fc.string({ maxLength: 40 }).map((value) => value.replaceAll(/[^\x20-\x7e]/g, '?'));

function chunked(pieces: readonly string[]): string {
  return `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`;
}

const exchange: fc.Arbitrary<Exchange> = fc
  .record({
    model: text,
    prompt: text,
    contents: fc.array(text, { maxLength: 6 }),
    lineEnd: fc.constantFrom('\n', '\r\n'),
    isStream: fc.boolean(),
    isChunked: fc.boolean(),
    piecesOf: fc.array(fc.nat(500), { maxLength: 5 }),
  })
  .map((given) => {
    const body = JSON.stringify({
      messages: [{ content: given.prompt }],
      model: given.model,
      stream: given.isStream,
    });
    const head = 'POST /v1/chat/completions?x=1 HTTP/1.1\r\nhost: x\r\n';
    const request = given.isChunked
      ? `${head}transfer-encoding: chunked\r\n\r\n${chunked(cut(body, given.piecesOf))}`
      : `${head}content-length: ${body.length}\r\n\r\n${body}`;
    const events = given.contents
      .map(
        (content) =>
          `: ping${given.lineEnd}data: ${JSON.stringify({ choices: [{ delta: { content } }] })}${given.lineEnd}${given.lineEnd}`,
      )
      .join('');
    const json = JSON.stringify({
      model: given.model,
      usage: { prompt_tokens: 3, completion_tokens: 4 },
    });
    const answerBody = given.isStream ? events : json;
    const type = given.isStream ? 'text/event-stream' : 'application/json';
    const answerHead = `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n`;
    const answer = given.isStream
      ? `${answerHead}Transfer-Encoding: chunked\r\n\r\n${chunked(cut(answerBody, given.piecesOf))}`
      : `${answerHead}Content-Length: ${answerBody.length}\r\n\r\n${answerBody}`;
    return { request, answer };
  });

test('any cut of the bytes into operations gives the same records', () => {
  fc.assert(
    fc.property(
      fc.array(exchange, { minLength: 1, maxLength: 3 }),
      fc.array(fc.nat(2000), { maxLength: 30 }),
      (exchanges, cuts) => {
        const whole = play(exchanges, []);
        assert.equal(whole.length, exchanges.length);
        assert.deepEqual(invariants(play(exchanges, cuts)), invariants(whole));
      },
    ),
  );
});

test('one byte at a time gives the same records', () => {
  fc.assert(
    fc.property(exchange, (given) => {
      const cuts = Array.from({ length: 3000 }, (_, at) => at);
      assert.deepEqual(invariants(play([given], cuts)), invariants(play([given], [])));
    }),
    { numRuns: 20 },
  );
});

test('events of any kind in any order never break it, and each request is told once', () => {
  const step = fc.tuple(
    fc.constantFrom('receive', 'send', 'state', 'drop-receive', 'drop-send', 'fail'),
    fc.oneof(
      exchange.map(({ request }) => request),
      exchange.map(({ answer }) => answer),
      fc.string(),
    ),
    fc.nat(12),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), fc.boolean(), (steps, isMidway) => {
      const script = new SocketScript({ isMidway });
      let received = 0;
      for (const [kind, bytes, number] of steps) {
        if (bytes === '') continue;
        if (kind === 'receive') {
          script.receive(bytes);
          received += bytes.split('HTTP/1.').length;
        } else if (kind === 'send') script.send(bytes);
        else if (kind === 'state') script.state(number % 12, (number * 5) % 12);
        else if (kind === 'fail') script.failSend(number % 2 === 0 ? -11 : -104);
        else script.dropped(kind === 'drop-send' ? 'send' : 'receive', number + 1);
      }
      assert.ok(assemble(script.events).length <= received + 1);
    }),
  );
});
