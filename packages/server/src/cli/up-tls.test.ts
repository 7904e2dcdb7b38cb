import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { connect } from 'node:tls';
import test, { type TestContext } from 'node:test';
import { makeIdentity } from '@millrace/gateway/testing';
import { readSettings } from '../config/settings.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { startLocalServer } from '../testing/local-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { serveEndpoints } from './up-endpoints.ts';

const nothingSet = readSettings({}, { args: [], env: {} });

/** `millrace up --config` with a certificate, by two lanes, in front of a server. */
async function open(t: TestContext): Promise<{
  readonly port: number;
  readonly terminal: FakeTerminal;
  readonly cert: string;
  readonly write: (identity: ReturnType<typeof makeIdentity>) => Promise<void>;
  readonly readMetrics: () => Promise<string>;
}> {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const server = await startLocalServer((request, response) => {
    if (request.url === '/v1/models') response.end(JSON.stringify({ data: [{ id: 'm' }] }));
    else if (request.method === 'GET') response.writeHead(404).end();
    else request.resume().once('end', () => response.end('{"whole":true}'));
  });
  t.after(() => server[Symbol.asyncDispose]());
  const write = async ({ cert, key }: ReturnType<typeof makeIdentity>): Promise<void> => {
    await writeFile(join(folder.path, 'cert.pem'), cert);
    await writeFile(join(folder.path, 'key.pem'), key);
  };
  const identity = makeIdentity();
  await write(identity);
  const file = join(folder.path, 'millrace.yaml');
  await writeFile(
    file,
    `listen: { port: 0, tls: { cert: cert.pem, key: key.pem } }\nlanes: 2\nendpoints: [{ url: "${server.url}" }]\n`,
  );
  const terminal = new FakeTerminal();
  const served = await serveEndpoints(file, nothingSet, terminal);
  t.after(() => served[Symbol.asyncDispose]());
  const { place } = served.lanes;
  assert.ok('port' in place);
  assert.equal(served.lanes.scheme, 'https');
  return {
    port: place.port,
    terminal,
    cert: identity.cert,
    write,
    readMetrics: () => served.lanes.readMetrics(),
  };
}

/** Connects once, and tells whether the session was resumed and by which certificate. */
async function meet(
  port: number,
  options: { readonly session?: Buffer | undefined; readonly ca?: string },
): Promise<{ readonly isResumed: boolean; readonly session: Buffer | undefined }> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: options.ca,
    session: options.session,
  });
  let session: Buffer | undefined;
  socket.on('session', (told: Buffer) => (session = told));
  await once(socket, 'secureConnect');
  const isResumed = socket.isSessionReused();
  socket.write('GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  await once(socket.resume(), 'close');
  return { isResumed, session };
}

test('sessions are resumed on whatever lane a client comes to', async (t) => {
  const { port, cert, readMetrics } = await open(t);
  const { session } = await meet(port, { ca: cert });
  assert.ok(session !== undefined);
  const met = await Promise.all(
    Array.from({ length: 40 }, () => meet(port, { ca: cert, session })),
  );
  assert.ok(met.every(({ isResumed }) => isResumed));
  const metrics = await readMetrics();
  assert.match(
    metrics,
    /tls_handshakes_total\{version="TLSv1.3",protocol="http\/1.1",resumed="true"\} 40/,
  );
  const lanes = [0, 1].map((lane) =>
    Number(new RegExp(`lane_requests_total\\{lane="${lane}"\\} (\\d+)`).exec(metrics)?.[1]),
  );
  assert.ok(Math.min(...lanes) > 0, `both lanes were met: ${lanes.join(' and ')}`);
});

test('HTTP/2 clients are served through the same port', async (t) => {
  const { port, cert } = await open(t);
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: cert, servername: 'localhost' });
  t.after(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': '/v1/chat/completions',
    'content-type': 'application/json',
  });
  stream.end('{"model":"m","messages":[]}');
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  assert.equal(headers[':status'], 200);
  let text = '';
  for await (const piece of stream) text += String(piece);
  assert.equal(text, '{"whole":true}');
});

test('a certificate that was renewed is served by every lane', async (t) => {
  const { port, terminal, cert, write } = await open(t);
  const next = makeIdentity();
  await write(next);
  process.emit('SIGHUP', 'SIGHUP');
  while (!terminal.errText.includes('took over the certificate'))
    await new Promise((resolve) => setImmediate(resolve));
  const met = Array.from({ length: 20 }, () => meet(port, { ca: next.cert }));
  assert.equal((await Promise.all(met)).length, 20);
  await assert.rejects(meet(port, { ca: cert }));
});
