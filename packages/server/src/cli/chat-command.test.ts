import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { IncomingMessage, RequestListener } from 'node:http';
import { json, text } from 'node:stream/consumers';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { startLocalServer } from '../testing/local-server.ts';

const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));

interface Answer {
  readonly out: string;
  readonly err: string;
  readonly status: number;
}

/** Asks one question in a process of its own, whose input is no terminal. */
async function ask(question: string, args: readonly string[]): Promise<Answer> {
  const flags = ['--conditions=@millrace/source', program, 'chat', ...args];
  const child = spawn(process.execPath, flags, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(question);
  const ended = new Promise<number>((resolve) => {
    child.once('close', (status) => resolve(status ?? -1));
  });
  const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { out, err, status };
}

/** Serves one model and this answer; keeps what it was asked. */
function serve(bodies: unknown[], events: readonly string[]): RequestListener {
  return async (request: IncomingMessage, response) => {
    if (request.url === '/v1/models') {
      response.end(JSON.stringify({ data: [{ id: 'served' }] }));
      return;
    }
    bodies.push(await json(request));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    // In two pieces that part an event.
    const whole = events.map((event) => `data: ${event}\n\n`).join('');
    response.write(whole.slice(0, 30));
    response.end(whole.slice(30));
  };
}

function delta(content: string): string {
  return JSON.stringify({ choices: [{ delta: { content } }] });
}

test('a question from standard input is answered by the first model', async () => {
  const bodies: unknown[] = [];
  const answer = serve(bodies, [delta('Grüß '), delta('Gott'), '[DONE]']);
  await using server = await startLocalServer(answer);
  const { out, status } = await ask(' Hello? \n', ['--url', `${server.url}/`, '--system=Brief.']);
  assert.equal(out, 'Grüß Gott\n');
  assert.equal(status, 0);
  const messages = [
    { role: 'system', content: 'Brief.' },
    { role: 'user', content: 'Hello?' },
  ];
  assert.deepEqual(bodies, [{ model: 'served', messages, stream: true }]);
});

test('an error within the answer is told, with status 1', async () => {
  const events = [delta('Gr'), JSON.stringify({ error: { message: 'the engine has ended' } })];
  await using server = await startLocalServer(serve([], events));
  const { err, status } = await ask('Hello?', ['--url', server.url]);
  assert.equal(err, 'millrace chat: the engine has ended\n');
  assert.equal(status, 1);
});

test('a refusal is told in the words of the server', async () => {
  await using server = await startLocalServer((_, response) => {
    response.writeHead(404).end(JSON.stringify({ error: { message: 'there is no model "x"' } }));
  });
  const { err, status } = await ask('Hello?', ['--url', server.url, '--model', 'x']);
  assert.equal(err, 'millrace chat: there is no model "x"\n');
  assert.equal(status, 1);
});

test('where nothing answers, the mend is told', async () => {
  const server = await startLocalServer(() => undefined);
  await server[Symbol.asyncDispose]();
  const { err, status } = await ask('Hello?', ['--url', server.url]);
  assert.match(err, /nothing answers at http.*; start it with "millrace up", or give --url/);
  assert.equal(status, 1);
});

test('a wrong flag is refused with status 2', async () => {
  const { err, status } = await ask('', ['--modle', 'x']);
  assert.match(err, /There is no flag --modle; did you mean model\?/);
  assert.equal(status, 2);
});
