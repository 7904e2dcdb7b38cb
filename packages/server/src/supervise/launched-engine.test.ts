import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { systemClock } from '@millrace/stdx';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { freePort, LaunchedEngine } from './launched-engine.ts';

/** Serves `/health`, has a helper that ignores signals, hangs or dies when asked to. */
const program = `
import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
const helper = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'], { stdio: 'ignore' });
const port = Number(process.argv[process.argv.indexOf('--port') + 1]);
let isHung = false;
createServer((request, response) => {
  if (request.url === '/die') { console.error('out of memory'); process.exit(3); }
  if (request.url === '/hang') isHung = true;
  if (!isHung) response.end(JSON.stringify({ own: process.pid, helper: helper.pid }));
}).listen(port, '127.0.0.1');
`;

interface Launched {
  readonly engine: LaunchedEngine;
  readonly news: string[];
  readonly ask: (path: string) => Promise<{ own: number; helper: number } | undefined>;
  readonly until: (holds: () => boolean | Promise<boolean>) => Promise<void>;
}

async function launch(t: TestContext): Promise<Launched> {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const file = join(folder.path, 'engine.mjs');
  writeFileSync(file, program);
  const port = await freePort('127.0.0.1');
  const news: string[] = [];
  const ask: Launched['ask'] = async (path) => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        signal: AbortSignal.timeout(200),
      });
      return (await response.json()) as { own: number; helper: number };
    } catch {
      return undefined;
    }
  };
  const engine = new LaunchedEngine({
    name: 'a',
    spec: {
      launch: 'llama-server',
      model: 'm.gguf',
      servedName: 'm',
      contextTokensMax: undefined,
      sequencesMax: 4,
      batchTokensMax: 512,
      command: [process.execPath, file],
      args: [],
      env: {},
    },
    place: { host: '127.0.0.1', port },
    clock: systemClock,
    onNews: (text) => news.push(text),
    isHealthy: async () => (await ask('/health')) !== undefined,
    bounds: { lookMs: 20, restartMsMin: 10, hungMsMax: 300, endMsMax: 2_000 },
  });
  t.after(() => engine[Symbol.asyncDispose]());
  const until: Launched['until'] = async (holds) => {
    for (let turn = 0; turn < 500 && !(await holds()); turn++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(await holds(), news.join('\n'));
  };
  await until(() => engine.state === 'serving');
  return { engine, news, ask, until };
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

test('an engine that dies is started again, and what it said last is told', async (t) => {
  const { news, ask, until } = await launch(t);
  const before = await ask('/health');
  assert.ok(before !== undefined);
  await ask('/die');
  await until(async () => {
    const now = await ask('/health');
    return now !== undefined && now.own !== before.own;
  });
  assert.match(news.join('\n'), /ended \(status 3\).*\nout of memory/);
  await until(() => !isAlive(before.helper));
});

test('one that hangs is ended and started again', async (t) => {
  const { news, ask, until } = await launch(t);
  const before = await ask('/health');
  await ask('/hang');
  await until(async () => {
    const now = await ask('/health');
    return now !== undefined && now.own !== before?.own;
  });
  assert.match(news.join('\n'), /has not answered for 300 ms/);
});

test('at the end it is gone with all that it started', async (t) => {
  const { engine, ask, until } = await launch(t);
  const found = await ask('/health');
  assert.ok(found !== undefined && isAlive(found.helper));
  await engine[Symbol.asyncDispose]();
  assert.equal(isAlive(found.own), false);
  await until(() => !isAlive(found.helper));
  assert.equal(engine.state, 'ended');
});

test('it can be started anew at once', async (t) => {
  const { engine, ask, until } = await launch(t);
  const before = await ask('/health');
  await engine.restart();
  await until(() => engine.state === 'serving');
  assert.notEqual((await ask('/health'))?.own, before?.own);
});

test('a program that is not there is told, and tried again', async (t) => {
  const news: string[] = [];
  const engine = new LaunchedEngine({
    name: 'absent',
    spec: {
      launch: 'vllm',
      model: 'm',
      servedName: 'm',
      contextTokensMax: undefined,
      sequencesMax: 4,
      batchTokensMax: 512,
      command: ['/nowhere/vllm'],
      args: [],
      env: {},
    },
    place: { host: '127.0.0.1', port: 1 },
    clock: systemClock,
    onNews: (text) => news.push(text),
    isHealthy: () => Promise.resolve(false),
    bounds: { lookMs: 20, restartMsMin: 10 },
  });
  t.after(() => engine[Symbol.asyncDispose]());
  for (let turn = 0; turn < 500 && engine.deathsInARow < 2; turn++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.match(news.join('\n'), /ended \(spawn \/nowhere\/vllm ENOENT\)/);
});
