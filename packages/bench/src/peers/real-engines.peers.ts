import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../sides/child-server.ts';
import { llamaServerForTests } from '../sides/llama-server-for-tests.ts';
import { millraceCommand } from '../sides/millrace-command.ts';
import { vllmForTests } from '../sides/vllm-side.ts';

/**
 * The same suite before each real engine, started by the product itself from a millrace.yaml. It runs by
 * `npm run test:peers`; what is not installed is skipped with the reason, and `millrace bench engine --install` brings it.
 */
const model = process.env['MILLRACE_TEST_MODEL'] ?? '';
const startMsMax = 420_000;

interface Peer {
  readonly name: string;
  readonly kind: string;
  /** The entry under `engines`, or why there is none. */
  readonly engine: () => object | { readonly unavailable: string };
  readonly tellsEvents: boolean;
}

const peers: readonly Peer[] = [
  { name: 'llama-server', kind: 'llama.cpp', engine: llamaServer, tellsEvents: false },
  { name: 'vLLM', kind: 'vllm', engine: vllm, tellsEvents: true },
];

function llamaServer(): object {
  const found = llamaServerForTests(model);
  if ('unavailable' in found) return found;
  return {
    launch: 'llama-server',
    model,
    servedName: 'smol',
    context: 2048,
    sequences: 4,
    batchTokens: 512,
    command: [found.program],
    args: ['--threads', '2'],
  };
}

function vllm(): object {
  const found = vllmForTests(model);
  if ('unavailable' in found) return found;
  return {
    launch: 'vllm',
    model: found.folder,
    servedName: 'smol',
    context: 2048,
    sequences: 8,
    batchTokens: 512,
    command: [found.program],
    args: ['--enforce-eager', '--max-logprobs', '5'],
    env: { HF_HUB_OFFLINE: '1', VLLM_CPU_KVCACHE_SPACE: '1' },
  };
}

for (const peer of peers) {
  const engine = peer.engine();
  const skip = 'unavailable' in engine ? `needs a peer: ${engine.unavailable}` : false;
  describe(`millrace before a real ${peer.name}`, { skip }, () => suite(peer, engine));
}

function suite(peer: Peer, engine: object): void {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-peers-'));
  let child: ChildProcess;
  let url = '';
  let log = '';

  before(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const file = join(folder, 'millrace.yaml');
    writeFileSync(file, JSON.stringify({ listen: { port }, lanes: 1, engines: [engine] }));
    const [node, ...args] = millraceCommand('up', `--config=${file}`, '--no-open');
    child = spawn(node, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
    await until(() => /endpoint \S+ is serving/.test(log), startMsMax);
  });

  after(async () => {
    child.kill('SIGTERM');
    await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });

  const until = async (
    holds: () => boolean | Promise<boolean>,
    waitMsMax = 20_000,
  ): Promise<void> => {
    const untilMs = Date.now() + waitMsMax;
    while (!(await holds())) {
      assert.ok(Date.now() < untilMs && child.exitCode === null, log.slice(-2_000));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  const ask = (fields: object, signal?: AbortSignal): Promise<Response> =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'smol', temperature: 0, max_tokens: 8, ...fields }),
      ...(signal !== undefined && { signal }),
    });
  const question = (content: string): object => ({ messages: [{ role: 'user', content }] });

  const metric = async (name: string): Promise<number | undefined> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    const found = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };

  test('it is found out what it is and what it serves', async () => {
    const list = (await (await fetch(`${url}/v1/models`)).json()) as {
      data: { id: string; max_model_len: number }[];
    };
    assert.equal(list.data[0]?.id, 'smol');
    assert.equal(list.data[0]?.max_model_len, 2048);
    assert.equal(await metric('millrace_endpoint_missing_metrics'), 0, log);
    assert.doesNotMatch(log, /tells no/);
  });

  test('it answers, whole and as a stream', async () => {
    const whole = (await (await ask(question('What is the capital of France?'))).json()) as {
      choices: { message: { content: string } }[];
      usage: { completion_tokens: number };
    };
    assert.ok((whole.choices[0]?.message.content ?? '').length > 0, JSON.stringify(whole));
    assert.equal(whole.usage.completion_tokens, 8);
    const stream = await ask({ ...question('What is the capital of France?'), stream: true });
    const text = await stream.text();
    assert.match(text, /^data: \{/);
    assert.match(text, /data: \[DONE\]\n\n$/);
  });

  test('streams one after the other over connections that it may close unasked', async () => {
    for (let count = 0; count < 20; count++) {
      const response = await ask({
        ...question(`Count to ${count}.`),
        stream: true,
        max_tokens: 3,
      });
      assert.equal(response.status, 200);
      assert.match(await response.text(), /\[DONE\]/);
    }
  });

  test('a prompt that comes again is taken from its cache, and says so', async () => {
    const long = question(`${'The river is wide and slow. '.repeat(40)}What is the river?`);
    await (await ask(long)).text();
    const again = (await (await ask(long)).json()) as {
      usage: { prompt_tokens_details?: { cached_tokens?: number } };
    };
    assert.ok((again.usage.prompt_tokens_details?.cached_tokens ?? 0) > 100, JSON.stringify(again));
  });

  test('a client that leaves stops it, and its load is seen meanwhile', async () => {
    const leaving = new AbortController();
    const fields = { ...question('Tell me a long story.'), stream: true, max_tokens: 1500 };
    const response = await ask({ ...fields, ignore_eos: true }, leaving.signal);
    await response.body?.getReader().read();
    await until(async () => ((await metric('millrace_endpoint_running_requests')) ?? 0) > 0);
    leaving.abort();
    await until(async () => (await metric('millrace_endpoint_running_requests')) === 0);
  });

  if (peer.tellsEvents)
    test('it tells what its cache holds, by which prompts are matched', async () => {
      await until(() => log.includes('its KV events are followed'));
      await (await ask(question(`${'Rain falls on the hills. '.repeat(40)}Where?`))).text();
      await until(async () => ((await metric('millrace_endpoint_told_blocks')) ?? 0) > 0);
      assert.doesNotMatch(log, /KV event cannot be read/);
    });
}
