import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { readSettings } from '../config/settings.ts';
import { serveEndpoints } from '../cli/up-endpoints.ts';
import { FakeTerminal } from '../testing/fake-terminal.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';

/** Speaks as llama.cpp's server does, streams slowly, and says which start of it answers. */
const program = `
import { createServer } from 'node:http';
const args = process.argv;
const of = (name) => args[args.indexOf(name) + 1];
createServer((request, response) => {
  if (request.url === '/v1/models')
    return response.end(JSON.stringify({ data: [{ id: of('--alias'), owned_by: 'llamacpp' }] }));
  if (request.method === 'GET') return response.end('{}');
  request.resume().once('end', () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let count = 0;
    const timer = setInterval(() => {
      response.write('data: ' + of('--mark') + '\\n\\n');
      if (++count === 10) response.end('data: [DONE]\\n\\n', () => clearInterval(timer));
    }, 50);
  });
}).listen(Number(of('--port')), '127.0.0.1');
`;

async function stream(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'smol', messages: [], stream: true }),
  });
  assert.equal(response.status, 200, await response.clone().text());
  return await response.text();
}

test('engines of a configuration are started, restarted by turns without a failed stream, and ended', async (t) => {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const [script, file] = ['engine.mjs', 'millrace.yaml'].map((name) => join(folder.path, name));
  assert.ok(script !== undefined && file !== undefined);
  writeFileSync(script, program);
  const write = (mark: string): void => {
    const engine = {
      launch: 'llama-server',
      model: '/models/smol.gguf',
      sequences: 4,
      command: [process.execPath, script],
      args: ['--mark', mark],
    };
    writeFileSync(file, JSON.stringify({ listen: { port: 0 }, lanes: 1, engines: [engine] }));
  };
  write('one');
  const terminal = new FakeTerminal();
  const served = await serveEndpoints(file, readSettings({}, { args: [], env: {} }), terminal);
  t.after(() => served[Symbol.asyncDispose]());
  const { place } = served.lanes;
  assert.ok('port' in place);
  const url = `http://127.0.0.1:${place.port}`;
  const until = async (form: RegExp): Promise<void> => {
    for (let turn = 0; turn < 600 && !form.test(terminal.errText); turn++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(terminal.errText, form);
  };
  await until(/endpoint llama-server-0 is serving/);
  assert.match(await stream(url), /^data: one/);
  let isOver = false;
  const answers: string[] = [];
  const client = async (): Promise<void> => {
    while (!isOver) answers.push(await stream(url));
  };
  const clients = [client(), client(), client()];
  write('two');
  process.kill(process.pid, 'SIGHUP');
  await until(/took over/);
  for (let turn = 0; turn < 100 && !answers.at(-1)?.includes('two'); turn++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  isOver = true;
  await Promise.all(clients);
  assert.ok(
    answers.some((text) => text.startsWith('data: two')),
    terminal.errText,
  );
  for (const text of answers) assert.match(text, /data: \[DONE\]\n\n$/, 'no stream failed');
});
