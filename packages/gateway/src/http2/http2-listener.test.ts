import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import test, { type TestContext } from 'node:test';
import { jsonAnswer, type OwnRoute } from '../http/own-route.ts';
import type { GatewayBounds } from '../options.ts';
import { makeIdentity } from '../testing/certificate.ts';
import { type OpenGateway, openGatewayBefore } from '../testing/open-gateway.ts';
import { ticketKeyBytes } from '../tls/tls-server.ts';

interface World extends OpenGateway {
  readonly session: ClientHttp2Session;
  readonly cert: string;
}

/** A client that speaks HTTP/2, a gateway, and a real server behind it. */
async function open(
  t: TestContext,
  answer: RequestListener,
  bounds: Partial<GatewayBounds> = {},
): Promise<World> {
  const { cert, key } = makeIdentity();
  const ownRoutes: readonly OwnRoute[] = [
    ({ target }) => (target === '/own' ? jsonAnswer(200, { own: true }) : undefined),
  ];
  const tls = { cert, key, ticketKeys: randomBytes(ticketKeyBytes) };
  const opened = await openGatewayBefore(t, answer, { ownRoutes, bounds, tls });
  const session = connect(opened.origin, { ca: cert, servername: 'localhost' });
  t.after(() => session.destroy());
  await once(session, 'connect');
  return { ...opened, session, cert };
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
  /** How the stream was closed; 0 is well. */
  readonly code: number;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let headers: Record<string, unknown> = {};
  let text = '';
  stream.on('response', (told) => (headers = told));
  stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  stream.on('error', () => undefined);
  await new Promise((resolve) => stream.once('close', resolve));
  return { status: Number(headers[':status'] ?? 0), headers, text, code: stream.rstCode ?? 0 };
}

function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

const post = { ':method': 'POST', ':path': '/v1/chat/completions' };

/** Answers with what came. */
const echo: RequestListener = (request, response) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.once('end', () => {
    const body = Buffer.concat(pieces).toString();
    const { headers, method, url } = request;
    response.writeHead(200, { 'content-type': 'application/json', 'x-own': ['a', 'b'] });
    response.end(JSON.stringify({ body, headers, method, url }));
  });
};

test('a request and its answer pass as over HTTP/1.1', async (t) => {
  const { session } = await open(t, echo);
  const answer = await ask(
    session,
    { ...post, 'x-kept': 'yes', cookie: ['a=1', 'b=2'], te: 'trailers' },
    '{"a":"é"}',
  );
  assert.equal(answer.status, 200);
  assert.equal(answer.code, 0);
  assert.equal(answer.headers['x-request-id'], 'made');
  const seen = JSON.parse(answer.text) as { body: string; headers: Record<string, string> };
  assert.equal(seen.body, '{"a":"é"}');
  assert.equal(seen.headers['x-kept'], 'yes');
  assert.equal(seen.headers['cookie'], 'a=1; b=2');
  assert.equal(seen.headers['te'], undefined);
  assert.equal(seen.headers['content-length'], '10');
  assert.ok(Object.keys(seen.headers).every((name) => !name.startsWith(':')));
});

test('requests without a body, to a HEAD, and to a route of the gateway are answered', async (t) => {
  const { session } = await open(t, echo);
  const get = await ask(session, { ':path': '/v1/x?y=1' });
  assert.match(get.text, /"method":"GET","url":"\/v1\/x\?y=1"/);
  const head = await ask(session, { ':method': 'HEAD', ':path': '/v1/x' });
  assert.deepEqual([head.status, head.text, head.code], [200, '', 0]);
  assert.equal((await ask(session, { ':path': '/own' })).text, '{"own":true}');
});

test('many streams of one connection go on side by side, each piece as it comes', async (t) => {
  const waiting: (() => void)[] = [];
  const { session } = await open(t, (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`data: begun ${request.url}\n\n`);
    waiting.push(() => response.end('data: [DONE]\n\n'));
  });
  const streams = Array.from({ length: 40 }, (_, at) => session.request({ ':path': `/v1/${at}` }));
  const answers = streams.map(answerOf);
  await Promise.all(streams.map((stream) => once(stream, 'data')));
  assert.equal(waiting.length, 40, 'all had their first piece while none had ended');
  for (const end of waiting) end();
  for (const [at, { text }] of (await Promise.all(answers)).entries())
    assert.equal(text, `data: begun /v1/${at}\n\ndata: [DONE]\n\n`);
});

test('a stream that the client resets stops the engine, and its neighbours go on', async (t) => {
  const gone: string[] = [];
  const ends: (() => void)[] = [];
  const { session, registry } = await open(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    response.once('close', () => gone.push(`${request.url} ${response.writableFinished}`));
    ends.push(() => response.end());
  });
  const [left, kept] = ['/v1/left', '/v1/kept'].map((path) => session.request({ ':path': path }));
  assert.ok(left !== undefined && kept !== undefined);
  const answer = answerOf(kept);
  await Promise.all([once(left, 'response'), once(kept, 'response')]);
  left.close(constants.NGHTTP2_CANCEL);
  while (gone.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(gone, ['/v1/left false']);
  for (const end of ends) end();
  assert.equal((await answer).text, 'data: 1\n\n');
  assert.match(registry.expose(), /relays_total\{end="client-gone"\} 1/);
});

test('an engine that dies ends a stream of events with an error, and resets any other', async (t) => {
  const { session } = await open(t, (request, response) => {
    const type = request.url === '/v1/events' ? 'text/event-stream' : 'application/json';
    response
      .writeHead(200, { 'content-type': type })
      .write('data: 1\n\n', () => response.destroy());
  });
  const events = await ask(session, { ':path': '/v1/events' });
  assert.equal(events.code, 0);
  assert.match(events.text, /^data: 1\n\n.*"error"/s);
  const other = await ask(session, { ':path': '/v1/other' });
  assert.equal(other.code, constants.NGHTTP2_INTERNAL_ERROR);
});

test('a slow reader holds its own stream back, in bounded memory', async (t) => {
  let written = 0;
  const piece = Buffer.alloc(64 * 1024, 'x');
  const { session } = await open(t, (_request, response) => {
    const write = (): void => {
      while (written < 64 * 2 ** 20) {
        written += piece.length;
        if (!response.write(piece)) return void response.once('drain', write);
      }
      response.end();
    };
    response.writeHead(200);
    write();
  });
  const slow = session.request({ ':path': '/v1/slow' });
  await once(slow, 'response');
  for (let before = -1; before !== written;) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(written < 32 * 2 ** 20, `${written} bytes were written ahead`);
  assert.equal((await ask(session, { ':path': '/own' })).status, 200, 'others are answered');
  slow.resume();
  await once(slow, 'end');
  assert.equal(written, 64 * 2 ** 20);
});

test('an answer that its client does not take is let go after the pause that is allowed', async (t) => {
  const { origin, cert } = await open(t, echo, { pieceMsMax: 100 });
  const settings = { initialWindowSize: 0 };
  const session = connect(origin, { ca: cert, servername: 'localhost', settings });
  t.after(() => session.destroy());
  const answer = await ask(session, { ':path': '/own' });
  assert.equal(answer.status, 200);
  assert.equal(answer.text, '', 'no window was opened for its body');
});

test('bounds hold: bodies, headers, targets, methods, streams at once', async (t) => {
  const { session, origin, cert } = await open(t, echo, {
    bodyBytesMax: 1000,
    headerBytesMax: 2000,
    targetBytesMax: 100,
    streamsMax: 3,
  });
  const large = await ask(session, { ...post, 'content-length': 1001 }, Buffer.alloc(1001));
  assert.match(large.text, /larger than the limit of 1000 bytes/);
  const untold = await ask(session, post, Buffer.alloc(200_000));
  assert.equal(untold.status, 413);
  assert.equal((await ask(session, { ':path': `/v1/${'x'.repeat(100)}` })).status, 414);
  assert.equal((await ask(session, { ':method': 'BREW', ':path': '/v1/x' })).status, 501);
  assert.equal(session.remoteSettings.maxConcurrentStreams, 3);
  assert.equal((await ask(session, { ':path': '/own' })).status, 200, 'the connection goes on');
  const bad = connect(origin, { ca: cert, servername: 'localhost' });
  t.after(() => bad.destroy());
  const headers = await ask(bad, { ':path': '/own', 'x-long': 'x'.repeat(2100) });
  assert.notEqual(headers.status, 200);
});

test('bodies that are being answered bound what further streams may send', async (t) => {
  const held: (() => void)[] = [];
  const { session, registry } = await open(
    t,
    (_request, response) => void held.push(() => response.end('done')),
    { bodyBytesMax: 600, bodiesBytesMax: 1000 },
  );
  const first = ask(session, post, Buffer.alloc(600));
  while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await ask(session, post, Buffer.alloc(600));
  assert.equal(second.status, 503);
  assert.match(second.text, /limit of 1000 bytes/);
  held[0]?.();
  assert.equal((await first).status, 200);
  assert.match(registry.expose(), /^millrace_gateway_body_bytes 0$/m);
});

test('a client that opens and resets streams again and again is sent away', async (t) => {
  const { session } = await open(t, echo);
  const closed = new Promise((resolve) => session.once('close', resolve));
  session.on('error', () => undefined);
  for (let turn = 0; turn < 2000 && !session.closed && !session.destroyed; turn++) {
    const stream = session.request({ ':path': '/v1/x' });
    stream.on('error', () => undefined);
    stream.close(constants.NGHTTP2_CANCEL);
    if (turn % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
});

test('draining lets running streams end, refuses others, and cuts at the limit', async (t) => {
  const ends: (() => void)[] = [];
  const { session, gateway } = await open(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    ends.push(() => response.end('data: [DONE]\n\n'));
  });
  const running = session.request({ ':path': '/v1/x' });
  const answer = answerOf(running);
  await once(running, 'response');
  const drained = gateway.drain(10_000);
  await once(session, 'goaway');
  for (const end of ends) end();
  assert.equal((await answer).text, 'data: 1\n\ndata: [DONE]\n\n');
  await drained;
});
