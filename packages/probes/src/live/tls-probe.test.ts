import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { requireCommand, requireKernel } from '@millrace/bpf/testing';
import type { RequestRecord } from '../requests/request-record.ts';
import { askSecretly } from '../testing/ask-secretly.ts';
import { drainedRequests } from '../testing/drained-requests.ts';
import type { LoadedProbe } from './probe-object.ts';
import { openTlsProbe, watchTls } from './tls-probe.ts';

function requireCertificate(t: TestContext): string | undefined {
  if (!requireKernel(t)) return undefined;
  if (spawnSync('openssl', ['version']).status !== 0) {
    t.skip('needs the command openssl');
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  execFileSync(
    'openssl',
    ['req', '-x509', ...key, '-days', '1', '-subj', '/CN=localhost', ...files],
    {
      stdio: 'ignore',
    },
  );
  return folder;
}

function check(
  records: readonly RequestRecord[],
  { tgid, port }: { readonly tgid: number; readonly port: number },
): void {
  assert.equal(records.length, 1);
  const [record] = records;
  assert.deepEqual([record?.localPort, record?.localAddress], [port, '127.0.0.1']);
  assert.ok((record?.socketCookie ?? 0) > 0);
  assert.deepEqual(
    [record?.route, record?.model, record?.status, record?.contentChunks, record?.tgid],
    ['/v1/chat/completions', 'secret', 200, 2, tgid],
  );
}

const nodeServer = `
const { readFileSync } = require('node:fs');
const [, , folder] = process.argv;
const options = { key: readFileSync(folder + '/key.pem'), cert: readFileSync(folder + '/cert.pem') };
const server = require('node:https').createServer(options, (request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const content of ['a', 'b']) response.write('data: ' + JSON.stringify({ choices: [{ delta: { content } }] }) + '\\n\\n');
  response.end();
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

test("OpenSSL within node's own program", async (t) => {
  const folder = requireCertificate(t);
  if (folder === undefined) return;
  writeFileSync(join(folder, 'server.cjs'), nodeServer);
  const child = spawn(process.execPath, [join(folder, 'server.cjs'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [piece] = (await once(child.stdout, 'data')) as [Buffer];
  using probe = openTlsProbe();
  const pid = child.pid ?? 0;
  assert.equal(watchTls(probe, { pid, path: process.execPath }), undefined);
  const port = Number(String(piece));
  await askSecretly(port);
  const records = drainedRequests(probe);
  check(records, { tgid: pid, port });
  assert.equal(records[0]?.ending, 'answered');
});

const pythonServer = `
import json, ssl, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        self.send_response(200)
        self.send_header('content-type', 'text/event-stream')
        self.end_headers()
        for word in 'ab':
            self.wfile.write(('data: ' + json.dumps({'choices': [{'delta': {'content': word}}]}) + '\\n\\n').encode())
        if self.path == '/farewell': self.rfile.read(1)
        while self.path == '/endless':
            self.wfile.write(b'data: {}\\n\\n')
            time.sleep(0.01)
    def log_message(self, *args): pass
class Server(HTTPServer):
    def handle_error(self, *args): pass
server = Server(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + '/cert.pem', sys.argv[1] + '/key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
`;

/** A client that leaves amid its answer: by TLS's farewell alone at first, or by closing the socket. */
const pythonClient = `
import socket, ssl, sys
[_, port, path] = sys.argv
context = ssl._create_unverified_context()
client = context.wrap_socket(socket.create_connection(('127.0.0.1', int(port))))
client.sendall(('POST %s HTTP/1.1\\r\\nhost: a\\r\\ncontent-length: 2\\r\\n\\r\\n{}' % path).encode())
got = b''
# With bytes that it has not read a client cannot wait for the server's own farewell.
while got.count(b'data') < 2: got += client.recv(4096)
try:
    if path == '/farewell': client.unwrap()
except OSError: pass
client.close()
`;

interface PythonServer {
  readonly probe: LoadedProbe;
  readonly tgid: number;
  readonly port: number;
}

/** Python's own server behind TLS, watched; undefined where that cannot be here. */
async function watchPythonServer(t: TestContext): Promise<PythonServer | undefined> {
  const folder = requireCertificate(t);
  if (folder === undefined || !requireCommand(t, 'python3')) return undefined;
  const child = spawn('python3', ['-c', pythonServer, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [piece] = (await once(child.stdout, 'data')) as [Buffer];
  const tgid = child.pid ?? 0;
  const library = /\/\S*\/libssl\.so[.\d]*$/m.exec(readFileSync(`/proc/${tgid}/maps`, 'utf8'))?.[0];
  assert.ok(library !== undefined);
  const probe = openTlsProbe();
  t.after(() => probe[Symbol.dispose]());
  assert.equal(watchTls(probe, { pid: tgid, path: library }), undefined);
  return { probe, tgid, port: Number(String(piece)) };
}

test("Python's ssl, through the library", async (t) => {
  const server = await watchPythonServer(t);
  if (server === undefined) return;
  await askSecretly(server.port);
  const records = drainedRequests(server.probe);
  check(records, server);
  assert.equal(records[0]?.ending, 'answered', 'the answer runs until the server closes');
});

for (const [path, how] of [
  ['/farewell', 'says farewell and waits'],
  ['/endless', 'closes its socket'],
] as const)
  test(`a client of TLS that ${how} amid an answer was not answered`, async (t) => {
    const server = await watchPythonServer(t);
    if (server === undefined) return;
    execFileSync('python3', ['-c', pythonClient, `${server.port}`, path], { timeout: 10_000 });
    // The server takes its requests one after the other: once this is answered, that one is over.
    await askSecretly(server.port);
    const records = drainedRequests(server.probe);
    assert.deepEqual(
      records.map((record) => [record.route, record.ending]),
      [
        [path, 'peer-closed'],
        ['/v1/chat/completions', 'answered'],
      ],
    );
  });

test('a file without OpenSSL is told of', (t) => {
  if (!requireKernel(t)) return;
  using probe = openTlsProbe();
  assert.match(watchTls(probe, { pid: process.pid, path: '/bin/sh' }) ?? '', /SSL_read/);
});
