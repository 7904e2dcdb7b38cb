import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { requireTestModel } from '@millrace/llama/testing';

const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));

interface Up {
  readonly url: string;
  readonly child: ChildProcess;
  readonly log: () => string;
}

/** Starts the whole product on a free port; it is ended with the test. */
async function startUp(
  t: TestContext,
  flags: readonly string[] = [],
  wrap: (command: readonly string[]) => readonly string[] = (command) => command,
): Promise<Up | undefined> {
  const model = requireTestModel(t);
  if (model === undefined) return undefined;
  const args = ['up', '--port=0', '--no-open', '--model-id=tested', `--model=${model}`, ...flags];
  const [first = '', ...rest] = wrap([process.execPath, ...process.execArgv, program, ...args]);
  const child = spawn(first, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (log += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGTERM'), 1000).unref();
    await ended;
  });
  const url = await until(
    () => /http:\/\/127\.0\.0\.1:\d+(?=\/v1)/.exec(log)?.[0],
    () => log,
  );
  return { url, child, log: () => log };
}

/** Asks until there is an answer, for half a minute at most. */
async function until<Value>(
  ask: () => Value | undefined | Promise<Value | undefined>,
  explain: () => string,
): Promise<Value> {
  for (let tries = 0; tries < 600; tries++) {
    const value = await ask();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not come about: ${explain()}`);
}

function chat(
  url: string,
  fields: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'tested',
      messages: [{ role: 'user', content: 'Tell me a story.' }],
      ...fields,
    }),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name}{`) || candidate.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1));
}

/** The engine's process, a child of `up`. */
function enginePid(up: Up): number {
  return childOf(Number(up.child.pid));
}

function childOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return Number(children.split(' ')[0]);
}

function hasEnded(pid: number): true | undefined {
  try {
    process.kill(pid, 0);
    return undefined;
  } catch {
    return true;
  }
}

const endless = { stream: true, max_tokens: 4000, ignore_eos: true };

test('a client that goes away stops the engine, waiting or generating', async (t) => {
  const up = await startUp(t, ['--sequences-max=1']);
  if (up === undefined) return;
  const streaming = new AbortController();
  const response = await chat(up.url, endless, streaming.signal);
  const reader = response.body?.getReader();
  await reader?.read();
  const queued = new AbortController();
  const waiting = chat(up.url, { max_tokens: 4000, ignore_eos: true }, queued.signal);
  waiting.catch(() => undefined);
  await until(
    async () => ((await metric(up.url, 'vllm:num_requests_waiting')) === 1 ? true : undefined),
    up.log,
  );
  queued.abort();
  await until(
    async () => ((await metric(up.url, 'vllm:num_requests_waiting')) === 0 ? true : undefined),
    up.log,
  );
  assert.equal(await metric(up.url, 'vllm:num_requests_running'), 1, 'the other goes on');
  streaming.abort();
  await until(
    async () => ((await metric(up.url, 'vllm:num_requests_running')) === 0 ? true : undefined),
    up.log,
  );
});

test('an engine that is killed ends its streams with an error, and serves again', async (t) => {
  const up = await startUp(t);
  if (up === undefined) return;
  for (let round = 0; round < 2; round++) {
    const response = await chat(up.url, endless);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    await reader?.read();
    process.kill(enginePid(up), 'SIGKILL');
    let rest = '';
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
      rest += part.value;
    assert.match(rest, /"code":"backend_failed"/, 'the stream says that it is not whole');
    assert.doesNotMatch(rest, /\[DONE\]/);
    const refused = await chat(up.url, { max_tokens: 1 });
    // Its sockets close a moment before the system tells of its death.
    assert.ok([502, 503].includes(refused.status), `status ${refused.status}`);
    assert.ok(Number(refused.headers.get('retry-after')) >= 1);
    await until(
      async () => ((await fetch(`${up.url}/health`)).status === 503 ? true : undefined),
      up.log,
    );
    await until(
      async () => ((await fetch(`${up.url}/health`)).status === 200 ? true : undefined),
      up.log,
    );
    assert.equal((await chat(up.url, { max_tokens: 2 })).status, 200);
  }
});

test('told to end, it finishes what runs, takes nothing new, and leaves no process', async (t) => {
  const up = await startUp(t);
  if (up === undefined) return;
  const engine = enginePid(up);
  const response = await chat(up.url, { stream: true, max_tokens: 40, ignore_eos: true });
  const whole = response.text();
  up.child.kill('SIGTERM');
  assert.match(await whole, /\[DONE\]/);
  const [code] = up.child.exitCode === null ? await once(up.child, 'exit') : [up.child.exitCode];
  assert.equal(code, 0);
  assert.throws(() => process.kill(engine, 0), { code: 'ESRCH' });
  await assert.rejects(fetch(`${up.url}/health`));
});

test('its engine ends when it is killed itself', async (t) => {
  const up = await startUp(t);
  if (up === undefined) return;
  const engine = enginePid(up);
  up.child.kill('SIGKILL');
  await until(() => hasEnded(engine), up.log);
});

test('it finishes what runs and ends when the npm that started it is told to end', async (t) => {
  const asNpmDoes = (command: readonly string[]): readonly string[] => {
    // What follows the command keeps the shell from giving its place to it, as some shells do.
    const script = 'npm_lifecycle_event=start "$0" "$@"; exit $?';
    return ['sh', '-c', script, ...command];
  };
  const up = await startUp(t, [], asNpmDoes);
  if (up === undefined) return;
  const product = childOf(Number(up.child.pid));
  const engine = childOf(product);
  const response = await chat(up.url, { stream: true, max_tokens: 60, ignore_eos: true });
  up.child.kill('SIGTERM');
  assert.match(await response.text(), /\[DONE\]/);
  await until(() => hasEnded(product) && hasEnded(engine), up.log);
});

test('a port in use is named, with the mend', async (t) => {
  const model = requireTestModel(t);
  if (model === undefined) return;
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const child = spawn(
    process.execPath,
    [...process.execArgv, program, 'up', `--port=${port}`, `--model=${model}`],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  // A process may have ended before all that it said has been read.
  const [code] = await once(child, 'close');
  assert.equal(code, 1, log);
  assert.match(log, new RegExp(`127.0.0.1:${port}: it is in use; .*--port`));
});
