import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { readSettings } from '../config/settings.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { startLocalServer } from '../testing/local-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { runConfigCommand } from './config-command.ts';
import { serveEndpoints } from './up-endpoints.ts';

const nothingSet = readSettings({}, { args: [], env: {} });

/** A server with one model that answers with its own name. */
function serverOf(model: string): RequestListener {
  return (request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.url === '/v1/models') response.end(JSON.stringify({ data: [{ id: model }] }));
    else if (request.method === 'GET') response.writeHead(404).end();
    else request.resume().once('end', () => response.end(JSON.stringify({ model })));
  };
}

/** `millrace up --config` in this process, in front of two servers. */
async function open(
  t: TestContext,
  more = '',
): Promise<{
  readonly url: string;
  readonly file: string;
  readonly terminal: FakeTerminal;
  readonly urls: readonly string[];
}> {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const servers = await Promise.all(
    ['small', 'large'].map((name) => startLocalServer(serverOf(name))),
  );
  t.after(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())));
  const urls = servers.map(({ url }) => url);
  const file = join(folder.path, 'millrace.yaml');
  await writeFile(file, `listen: { port: 0 }\nendpoints: [{ url: "${urls[0]}" }]\n${more}`);
  const terminal = new FakeTerminal();
  const served = await serveEndpoints(file, nothingSet, terminal);
  t.after(() => served[Symbol.asyncDispose]());
  const { place } = served.lanes;
  assert.ok('port' in place);
  return { url: `http://127.0.0.1:${place.port}`, file, terminal, urls };
}

async function ask(url: string, model: string, key?: string): Promise<number> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ model }),
  });
  await response.text();
  return response.status;
}

/** Tells this process to read its configuration again, and waits until it has said what came of it. */
async function reload(terminal: FakeTerminal): Promise<string> {
  const from = terminal.errText.length;
  process.emit('SIGHUP', 'SIGHUP');
  while (!/taken? over|took over/.test(terminal.errText.slice(from)))
    await new Promise((resolve) => setImmediate(resolve));
  return terminal.errText.slice(from);
}

test('serves what the file names, and says what is served', async (t) => {
  const { url } = await open(t, 'aliases: { fast: small }\n');
  assert.equal((await fetch(`${url}/health`)).status, 200);
  const models = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
  assert.deepEqual(
    models.data.map(({ id }) => id),
    ['small', 'fast'],
  );
  assert.equal(await ask(url, 'fast'), 200);
  assert.equal(await ask(url, 'large'), 404);
});

test('takes over a changed file while requests go on', async (t) => {
  const { url, file, terminal, urls } = await open(t);
  let isOver = false;
  const statuses = new Set<number>();
  const client = async (): Promise<void> => {
    while (!isOver) statuses.add(await ask(url, 'small'));
  };
  const clients = [client(), client()];
  const both = `endpoints: [{ url: "${urls[0]}" }, { url: "${urls[1]}" }]\n`;
  await writeFile(file, both);
  assert.match(await reload(terminal), /took over .*: 2 endpoints/);
  assert.equal(await ask(url, 'large'), 200);
  isOver = true;
  await Promise.all(clients);
  assert.deepEqual([...statuses], [200], 'no request was lost');
});

test('with tenants, keys open what each may ask for, and stay here', async (t) => {
  const terminal = new FakeTerminal();
  assert.equal(await runConfigCommand(['key'], terminal), 0);
  const [, key = '', line = ''] = /client: +(\S+)\n.*: +(sha256:\S+)/.exec(terminal.outText) ?? [];
  const { url } = await open(
    t,
    `aliases: { fast: small }\ntenants: [{ name: one, keys: ["${line}"], models: [fast] }]\n`,
  );
  assert.equal((await fetch(`${url}/health`)).status, 200, 'health needs no key');
  assert.equal((await fetch(`${url}/v1/models`)).status, 401);
  assert.equal(await ask(url, 'fast'), 401);
  assert.equal(await ask(url, 'fast', 'another'), 401);
  assert.equal(await ask(url, 'fast', key), 200);
  assert.equal(await ask(url, 'small', key), 404, 'only under the name that it was given');
  assert.equal((await fetch(`${url}/tokenize`, { method: 'POST' })).status, 401);
  const listed = await fetch(`${url}/v1/models`, { headers: { 'x-api-key': key } });
  const models = (await listed.json()) as { data: { id: string }[] };
  assert.deepEqual(
    models.data.map(({ id }) => id),
    ['fast'],
  );
});

test('a file that is wrong is not taken over', async (t) => {
  const { url, file, terminal } = await open(t);
  await writeFile(file, 'endpoints: []\nlanez: 1\n');
  const told = await reload(terminal);
  assert.match(told, /not taken over/);
  assert.match(told, /lanez is not known/);
  assert.equal(await ask(url, 'small'), 200);
});

test('a key that the environment lacks is told by its name', async (t) => {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const file = join(folder.path, 'millrace.yaml');
  await writeFile(file, 'endpoints: [{ url: "http://127.0.0.1:1", apiKeyEnv: ENGINE_KEY }]\n');
  await assert.rejects(serveEndpoints(file, nothingSet, new FakeTerminal()), /has no ENGINE_KEY/);
});

test('`config` checks, prints and describes', async (t) => {
  const { file } = await open(t);
  const terminal = new FakeTerminal();
  assert.equal(await runConfigCommand(['check', file], terminal), 0);
  assert.match(terminal.outText, /is right: 1 endpoint\n/);
  assert.equal(await runConfigCommand(['schema'], terminal), 0);
  assert.match(terminal.outText, /"endpoints"/);
  await assert.rejects(runConfigCommand(['chek'], terminal), /did you mean check\?/);
  await assert.rejects(runConfigCommand(['check', file, 'more'], terminal), /one too many/);
  await assert.rejects(runConfigCommand(['check', `${file}.absent`], terminal), /ENOENT/);
});
