import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { readSettings } from '../config/settings.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { startLocalServer } from '../testing/local-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { runReplayCommand } from './replay-command.ts';
import { serveEndpoints } from './up-endpoints.ts';

test('decisions of a gateway are recorded, and come out the same when they are made again', async (t) => {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const servers = await Promise.all(
    [1, 2, 3].map(() =>
      startLocalServer((request, response) => {
        if (request.url === '/v1/models') response.end('{"data":[{"id":"m"}]}');
        else request.resume().once('end', () => response.end('{}'));
      }),
    ),
  );
  t.after(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())));
  const [file, records] = ['millrace.yaml', 'decisions'].map((name) => join(folder.path, name));
  assert.ok(file !== undefined && records !== undefined);
  const routing = { policy: 'two-choices', record: { file: records, share: 1 } };
  const endpoints = servers.map(({ url }) => ({ url }));
  writeFileSync(file, JSON.stringify({ listen: { port: 0 }, endpoints, routing }));
  const terminal = new FakeTerminal();
  const served = await serveEndpoints(file, readSettings({}, { args: [], env: {} }), terminal);
  t.after(() => served[Symbol.asyncDispose]());
  assert.ok('port' in served.lanes.place);
  for (let count = 0; count < 20; count++) {
    const response = await fetch(
      `http://127.0.0.1:${served.lanes.place.port}/v1/chat/completions`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'm', messages: [`question ${count}`] }),
      },
    );
    await response.text();
  }
  assert.equal(await runReplayCommand([records], terminal), 0);
  assert.match(terminal.outText, /20 decisions, 20 the same, 0 not/);
  const lines = readFileSync(records, 'utf8').trim().split('\n');
  const wrong = lines.map((line) => line.replace(/"picked":"[^"]+"/, '"picked":"nowhere"'));
  writeFileSync(records, wrong.join('\n'));
  assert.equal(await runReplayCommand([records], terminal), 1);
  assert.match(terminal.outText, /:1: nowhere was picked, now it is 127\.0\.0\.1:\d+/);
});

test('what is no record is told with its line', async (t) => {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const file = join(folder.path, 'broken');
  writeFileSync(file, '{"picker"');
  await assert.rejects(runReplayCommand([file], new FakeTerminal()), /line 1: /);
  await assert.rejects(runReplayCommand([], new FakeTerminal()), /Usage: millrace replay FILE/);
});
