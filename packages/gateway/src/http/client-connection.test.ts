import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { openGatewayBefore } from '../testing/open-gateway.ts';
import type { Gateway } from './gateway-server.ts';

/** Bytes to a gateway, and all that comes back until it closes or `isEnough`. */
function dial({ place }: Gateway): Socket {
  return 'port' in place ? connect(place.port, '127.0.0.1') : connect(place.socket);
}

async function talk(
  gateway: Gateway,
  text: string,
  isEnough: (got: string) => boolean = () => false,
): Promise<string> {
  const socket = dial(gateway);
  socket.on('error', () => undefined);
  socket.write(Buffer.from(text, 'latin1'));
  let got = '';
  for await (const piece of socket) {
    got += String(piece);
    if (isEnough(got)) break;
  }
  socket.destroy();
  return got;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

/** Tells what came: method, target and body. */
const echo: RequestListener = (request, response) => {
  void bodyOf(request).then((body) =>
    response.end(`[${request.method} ${request.url} ${request.headers['content-length']} ${body}]`),
  );
};

const get = (target: string, more = ''): string =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;

test('requests that come at once are answered in their order', async (t) => {
  const { gateway } = await openGatewayBefore(t, (request, response) => {
    // The later a request came the sooner it is answered.
    setTimeout(() => response.end(`<${request.url}>`), 30 - Number(request.url?.slice(1)) * 10);
  });
  const got = await talk(gateway, get('/0') + get('/1') + get('/2', 'Connection: close\r\n'));
  assert.deepEqual(got.match(/<.*?>/g), ['</0>', '</1>', '</2>']);
  assert.match(got, /connection: close/);
});

test('a thousand requests at once are answered one by one', async (t) => {
  const { gateway } = await openGatewayBefore(t, (_request, response) => void response.end('ok'));
  const got = await talk(gateway, get('/').repeat(999) + get('/', 'Connection: close\r\n'));
  assert.equal(got.match(/HTTP\/1\.1 200/g)?.length, 1000);
});

test('a request that comes byte by byte is one request', async (t) => {
  const { gateway } = await openGatewayBefore(t, echo);
  const socket = dial(gateway).setNoDelay(true);
  for (const byte of `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxyz`) {
    socket.write(byte);
    await new Promise(setImmediate);
  }
  assert.match(await bodyOf(socket as unknown as IncomingMessage), /\[POST \/a 3 xyz\]/);
});

test('a body in chunks goes on with its length', async (t) => {
  const { gateway } = await openGatewayBefore(t, echo);
  const got = await talk(
    gateway,
    'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3;x=y\r\none\r\n3\r\ntwo\r\n0\r\nT: 1\r\n\r\n',
  );
  assert.match(got, /\[POST \/c 6 onetwo\]/);
});

test('whoever expects to be told to go on is told, or refused before the body', async (t) => {
  const { gateway } = await openGatewayBefore(t, echo, { bounds: { bodyBytesMax: 10 } });
  const head = (length: number): string =>
    `POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;
  const socket = dial(gateway);
  socket.write(head(3));
  assert.equal(String((await once(socket, 'data'))[0]), 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.write('abc');
  assert.match(await bodyOf(socket as unknown as IncomingMessage), /200 OK[^]*\[POST \/ 3 abc\]/);
  const refused = await talk(gateway, head(11));
  assert.match(refused, /^HTTP\/1\.1 413 /);
});

test('answers without a body say what they would have, and no more', async (t) => {
  const { gateway } = await openGatewayBefore(t, (request, response) => {
    if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 5 }).end();
    else response.writeHead(request.url === '/204' ? 204 : 304).end();
  });
  const head = `HEAD / HTTP/1.1\r\nHost: a\r\n\r\n`;
  const got = await talk(gateway, head + get('/204') + get('/304', 'Connection: close\r\n'));
  const answers = got.split('HTTP/1.1 ').slice(1);
  assert.match(answers[0] ?? '', /^200 OK\r\n[^]*content-length: 5\r\n\r\n$/);
  assert.match(answers[1] ?? '', /^204 No Content\r\n[^]*\r\n\r\n$/);
  assert.doesNotMatch(answers[1] ?? '', /content-length|transfer-encoding/);
  assert.match(answers[2] ?? '', /^304 Not Modified\r\n[^]*\r\n\r\n$/);
});

test('HTTP/1.0 gets its body until the connection ends', async (t) => {
  const { gateway } = await openGatewayBefore(t, (_request, response) => {
    response.write('one ');
    setImmediate(() => response.end('two'));
  });
  const got = await talk(gateway, 'GET / HTTP/1.0\r\n\r\n');
  assert.match(got, /connection: close\r\n\r\none two$/);
  assert.doesNotMatch(got, /transfer-encoding/);
});

for (const [what, status, text] of [
  ['is no HTTP', 400, '\u0016\u0003\u0001'],
  [
    'has two lengths',
    400,
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  ],
  ['has a long target', 414, `GET /${'a'.repeat(9000)} HTTP/1.1\r\n`],
  ['expects something else', 417, get('/', 'Expect: tea\r\n')],
  ['has too many headers', 431, get('/', 'a: b\r\n'.repeat(101))],
  ['has another method', 501, 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['is in HTTP/2', 505, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
] as const)
  test(`a request that ${what} is refused with ${status}, and the connection ends`, async (t) => {
    const { gateway } = await openGatewayBefore(t, () =>
      assert.fail('nothing reaches the backend'),
    );
    const got = await talk(gateway, text + get('/smuggled'));
    assert.match(got, new RegExp(`^HTTP/1\\.1 ${status} [^]*connection: close\r\n[^]*"error"`));
    assert.equal(got.match(/HTTP\/1\.1/g)?.length, 1);
  });

for (const [what, text, expected] of [
  ['head', 'POST / HTTP/1.1\r\nHost', /^HTTP\/1\.1 408 [^]*within 60 ms/],
  [
    'body',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab',
    /^HTTP\/1\.1 408 [^]*within 80 ms/,
  ],
  ['first byte', '', /^$/],
] as const)
  test(`a client that never ends its ${what} is let go`, async (t) => {
    const bounds = { headMsMax: 60, requestMsMax: 80, idleMsMax: 50 };
    const { gateway } = await openGatewayBefore(
      t,
      () => assert.fail('nothing reaches the backend'),
      { bounds },
    );
    assert.match(await talk(gateway, text), expected);
  });

test('a head that trickles in has no more time than another', async (t) => {
  const bounds = { headMsMax: 100, idleMsMax: 10_000 };
  const { gateway } = await openGatewayBefore(t, () => assert.fail('nothing reaches the backend'), {
    bounds,
  });
  const socket = dial(gateway);
  const trickle = setInterval(() => socket.write('a'), 10);
  socket.write('GET /');
  const got = await bodyOf(socket as unknown as IncomingMessage);
  clearInterval(trickle);
  assert.match(got, /^HTTP\/1\.1 408 /);
});

test('a client too many is not served', async (t) => {
  const { gateway } = await openGatewayBefore(t, echo, { bounds: { connectionsMax: 1 } });
  const first = dial(gateway);
  first.write(get('/'));
  await once(first, 'data');
  assert.equal(await talk(gateway, get('/')), '');
  first.destroy();
});

test('a slow reader holds up its own answer, and memory does not grow', async (t) => {
  const piece = Buffer.alloc(64 * 1024, 'x');
  const pieceCount = 1024;
  let written = 0;
  const { gateway } = await openGatewayBefore(t, (_request, response) => {
    response.writeHead(200, { 'content-length': piece.length * pieceCount });
    const write = (): void => {
      while (written < pieceCount) {
        written++;
        if (!response.write(piece)) return void response.once('drain', write);
      }
      response.end();
    };
    write();
  });
  const socket = dial(gateway);
  socket.write(get('/', 'Connection: close\r\n'));
  socket.pause();
  let before = -1;
  // The sockets between take some; then nothing moves until the client reads.
  while (before !== written || written === 0) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.ok(written * piece.length < 32 * 2 ** 20, `${written} pieces of ${pieceCount} were sent`);
  let byteCount = 0;
  for await (const got of socket) byteCount += (got as Buffer).length;
  assert.ok(byteCount > piece.length * pieceCount, 'all of it came, behind its head');
});

test('a client that takes nothing is let go, and the backend is stopped', async (t) => {
  const stopped = Promise.withResolvers<void>();
  const { gateway } = await openGatewayBefore(
    t,
    (_request, response) => {
      response.once('close', () => stopped.resolve());
      const piece = Buffer.alloc(2 ** 20, 'x');
      const write = (): void => {
        while (response.write(piece));
        response.once('drain', write);
      };
      write();
    },
    { bounds: { pieceMsMax: 200 } },
  );
  const socket = dial(gateway);
  socket.on('error', () => undefined);
  socket.write(get('/'));
  socket.pause();
  await stopped.promise;
  socket.destroy();
});

test('a client that ends its side while it is answered is taken to have gone', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const { gateway } = await openGatewayBefore(t, (_request, response) => {
    response.once('close', () => stopped.resolve());
    arrived.resolve();
  });
  const socket = dial(gateway);
  socket.write(get('/'));
  await arrived.promise;
  socket.end();
  await stopped.promise;
  socket.destroy();
});

test('a gateway listens at a Unix socket too', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { gateway } = await openGatewayBefore(t, echo, {
    listen: { socket: join(folder, 'socket') },
  });
  const got = await talk(gateway, get('/u', 'Connection: close\r\n'));
  assert.match(got, /\[GET \/u/);
});

test('a large body and a large answer pass whole', async (t) => {
  const { gateway } = await openGatewayBefore(
    t,
    (request, response) => void request.pipe(response),
  );
  assert.ok('port' in gateway.place);
  const body = Buffer.alloc(3 * 2 ** 20);
  for (let at = 0; at < body.length; at++) body[at] = at * 31 + (at >> 12);
  const response = await fetch(`http://127.0.0.1:${gateway.place.port}/`, { method: 'POST', body });
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), body);
});

test('what the events of a stream tell is counted', async (t) => {
  const usage = {
    prompt_tokens: 9,
    completion_tokens: 2,
    prompt_tokens_details: { cached_tokens: 4 },
  };
  const events = [
    { choices: [{ delta: { role: 'assistant', content: '' } }] },
    { choices: [{ delta: { content: 'a' } }] },
    { choices: [{ delta: { content: 'b' }, finish_reason: 'stop' }] },
    { choices: [], usage },
  ];
  const { gateway, registry } = await openGatewayBefore(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events) response.write(`data: ${JSON.stringify(event)}\n\n`);
    response.end('data: [DONE]\n\n');
  });
  await talk(gateway, get('/', 'Connection: close\r\n'));
  const exposed = registry.expose();
  for (const [name, kind, count] of [
    ['events', 'content', 2],
    ['events', 'error', 0],
    ['tokens', 'prompt', 9],
    ['tokens', 'completion', 2],
    ['tokens', 'cached', 4],
  ] as const)
    assert.match(
      exposed,
      new RegExp(`millrace_gateway_stream_${name}_total\\{kind="${kind}"\\} ${count}\n`),
    );
});

test('bodies that are being answered bound what further ones may have, and give it back', async (t) => {
  const held: (() => void)[] = [];
  const { gateway, registry } = await openGatewayBefore(
    t,
    (_request, response) => void held.push(() => response.end('done')),
    {
      bounds: { bodyBytesMax: 600, bodiesBytesMax: 1000 },
    },
  );
  const post = (body: string, framing: string): string =>
    `POST /v1/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${framing}\r\n\r\n${body}`;
  const whole = post('x'.repeat(600), 'content-length: 600');
  const first = talk(gateway, whole);
  while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await talk(gateway, whole);
  assert.match(second, /^HTTP\/1\.1 503 /);
  assert.match(second, /\r\nretry-after: 1\r\n/);
  assert.match(second, /"code":"overloaded".*/);
  assert.match(second, /limit of 1000 bytes/);
  const chunk = `1f4\r\n${'x'.repeat(500)}\r\n0\r\n\r\n`;
  assert.match(await talk(gateway, post(chunk, 'transfer-encoding: chunked')), /^HTTP\/1\.1 503 /);
  const small = talk(gateway, post('x'.repeat(300), 'content-length: 300'));
  while (held.length === 1) await new Promise((resolve) => setTimeout(resolve, 5));
  const bytes = (): string | undefined =>
    /^millrace_gateway_body_bytes (\d+)$/m.exec(registry.expose())?.[1];
  assert.equal(bytes(), '900');
  for (const answer of held.splice(0)) answer();
  assert.match(await first, /^HTTP\/1\.1 200 /);
  assert.match(await small, /^HTTP\/1\.1 200 /);
  while (bytes() !== '0') await new Promise((resolve) => setTimeout(resolve, 5));
  const third = talk(gateway, whole);
  while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const answer of held.splice(0)) answer();
  assert.match(await third, /^HTTP\/1\.1 200 /);
});

test('a client that leaves amid its body gives back what it had of the memory', async (t) => {
  const { gateway, registry } = await openGatewayBefore(t, echo);
  const socket = dial(gateway);
  socket.write('POST /v1/x HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\nabc');
  const bytes = (): number =>
    Number(/^millrace_gateway_body_bytes (\d+)$/m.exec(registry.expose())?.[1]);
  while (bytes() !== 5000) await new Promise((resolve) => setTimeout(resolve, 5));
  socket.destroy();
  while (bytes() !== 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('a stream that breaks off amid an event, or ends as none does, ends with an error that can be read', async (t) => {
  const { gateway } = await openGatewayBefore(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"choices":[]}\n\ndata: {"choi');
    request.resume().once('end', () => {
      if (request.url === '/v1/completions') response.end('\u0001garbage');
      else setTimeout(() => response.destroy(), 20);
    });
  });
  for (const target of ['/v1/completions', '/v1/chat/completions']) {
    const got = await talk(
      gateway,
      `POST ${target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}`,
    );
    const lines = got.split(/\r?\n/).filter((line) => line.startsWith('data:'));
    assert.equal(lines.length, 2, got);
    assert.equal(lines[0], 'data: {"choices":[]}');
    const { error } = JSON.parse(lines[1]?.slice(5) ?? '') as { readonly error: { code: string } };
    assert.equal(error.code, 'backend_failed');
  }
});
