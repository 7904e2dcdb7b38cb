import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { requireKernel } from '@millrace/bpf/testing';
import { type SeenAnswer, StreamClient } from '../kernel-view/stream-client.ts';
import { median } from '../report/report.ts';
import { startChild } from '../sides/child-server.ts';
import { llamaServerForTests } from '../sides/llama-server-for-tests.ts';
import { millraceCommand } from '../sides/millrace-command.ts';
import type { RunningSide } from '../sides/side.ts';
import { vllmEnvironment, vllmForTests } from '../sides/vllm-side.ts';

/**
 * What `millrace trace` tells of real engines, beside what their client saw. It runs by `npm run test:peers`; an engine
 * that is not installed, and a kernel that may not be asked, are skipped with the reason.
 */
const model = process.env['MILLRACE_TEST_MODEL'] ?? '';
const chatPath = '/v1/chat/completions';
const streams = 12;
/** Of the median over requests and gaps, on a machine that may be doing other things. */
const disagreementMsMax = 1;
const startMsMax = 300_000;
const lineMsMax = 20_000;

interface TracedLine {
  readonly route: string;
  readonly model: string | null;
  readonly status: number | null;
  readonly stream: boolean;
  readonly ttft_ms: number | null;
  readonly duration_ms: number;
  readonly content_chunks: number | null;
  readonly tokens: { readonly input: number | null; readonly output: number | null } | null;
  readonly gaps: readonly { readonly at_ms: number; readonly ms: number }[];
  readonly ending: string;
  readonly abandoned: { readonly ms: number } | null;
  readonly complete: boolean;
}

interface Engine {
  readonly name: string;
  readonly start: () => Promise<RunningSide> | { readonly unavailable: string };
}

const engines: readonly Engine[] = [
  { name: 'llama-server', start: startLlamaServer },
  { name: 'vLLM', start: startVllm },
];

function startLlamaServer(): ReturnType<Engine['start']> {
  const found = llamaServerForTests(model);
  if ('unavailable' in found) return found;
  return startChild({
    command: (port) => [
      ...[found.program, '--model', model, '--alias', 'smol', '--threads', '2'],
      ...['--host', '127.0.0.1', '--port', `${port}`, '--parallel', '2', '--ctx-size', '4096'],
    ],
    modelId: 'smol',
  });
}

function startVllm(): ReturnType<Engine['start']> {
  const found = vllmForTests(model);
  if ('unavailable' in found) return found;
  return startChild({
    command: (port) => [
      ...[found.program, 'serve', found.folder, '--served-model-name', 'smol'],
      ...['--host', '127.0.0.1', '--port', `${port}`, '--enforce-eager'],
      ...['--max-model-len', '2048', '--max-num-seqs', '4'],
    ],
    modelId: 'smol',
    startMsMax,
    env: vllmEnvironment(2),
  });
}

for (const engine of engines)
  describe(`millrace trace of a real ${engine.name}`, () => suite(engine));

function suite(engine: Engine): void {
  let running: RunningSide | undefined;
  let trace: Trace | undefined;
  let whyNot = 'the engine did not start';

  before(async () => {
    const started = await engine.start();
    if ('unavailable' in started) {
      whyNot = `needs a peer: ${started.unavailable}`;
      return;
    }
    running = started;
  });
  after(async () => {
    await trace?.end();
    await running?.[Symbol.asyncDispose]();
  });

  const traced = (title: string, run: (url: string, trace: Trace) => Promise<void>): void =>
    void test(title, async (t) => {
      if (running === undefined) return t.skip(whyNot);
      if (!requireKernel(t)) return;
      trace ??= await Trace.of(running.processId);
      await run(running.url, trace);
    });

  traced('the first token and every gap come when its client sees them', async (url, seenBy) => {
    const pairs: (readonly [SeenAnswer, TracedLine])[] = [];
    for (let count = 0; count < streams; count++) {
      // One connection each: llama-server closes after a stream, whatever it says.
      const client = await StreamClient.connect(
        Number(new URL(url).port),
        body(`Count to ${count + 20}.`, { stream: true, stream_options: { include_usage: true } }),
      );
      const seen = await client.ask();
      client[Symbol.dispose]();
      pairs.push([seen, await seenBy.next()]);
    }
    for (const [seen, line] of pairs) {
      assert.equal(line.route, chatPath);
      assert.equal(line.model, 'smol');
      assert.equal(line.status, 200);
      assert.ok(line.stream && line.complete, JSON.stringify(line));
      assert.equal(line.ending, 'answered');
      assert.equal(line.tokens?.output, 24);
      const [pieces, chunks] = [seen.contentNs.length, line.content_chunks ?? 0];
      assert.ok(pieces > 0 && pieces <= chunks && chunks <= 24, `${pieces} of ${chunks}`);
    }
    const ttft = pairs.map(([seen, line]) =>
      Math.abs((line.ttft_ms ?? Number.NaN) - ((seen.contentNs[0] ?? 0) - seen.sentNs) / 1e6),
    );
    assert.ok(median(ttft) <= disagreementMsMax, `time to first token: ${ttft.join(' ')}`);
    const worst = pairs.map(([seen, line]) => {
      const from = line.ttft_ms ?? 0;
      const theirs = Math.max(
        ...line.gaps.filter(({ at_ms: at }) => at >= from).map(({ ms }) => ms),
      );
      return Math.abs(theirs - worstGapMs(seen));
    });
    assert.ok(median(worst) <= disagreementMsMax, `worst gaps: ${worst.join(' ')}`);
  });

  traced(
    'a whole answer, a refusal and an unknown route have their status',
    async (url, seenBy) => {
      const cases = [
        [chatPath, body('Hi', {}), 200],
        [chatPath, body('Hi', { temperature: 'hot' }), 400],
        ['/v1/nothing', {}, 404],
      ] as const;
      for (const [path, asked, status] of cases) {
        const response = await ask(url, path, asked);
        await response.text();
        assert.equal(response.status, status);
        const line = await seenBy.next();
        assert.deepEqual([line.route, line.status, line.stream], [path, status, false]);
        assert.equal(line.ending, 'answered');
      }
    },
  );

  traced('a client that leaves is told as one that left', async (url, seenBy) => {
    const leaving = new AbortController();
    const asked = body('Tell me a long story.', {
      stream: true,
      max_tokens: 1_000,
      ignore_eos: true,
    });
    const response = await ask(url, chatPath, asked, leaving.signal);
    await response.body?.getReader().read();
    leaving.abort();
    const line = await seenBy.next();
    assert.match(line.ending, /^peer-(?:closed|reset)$/);
    assert.equal(line.status, 200);
    assert.ok(line.ttft_ms !== null && line.ttft_ms > 0);
  });
}

function body(content: string, fields: object): object {
  return {
    model: 'smol',
    temperature: 0,
    max_tokens: 24,
    ignore_eos: true,
    messages: [{ role: 'user', content }],
    ...fields,
  };
}

function ask(url: string, path: string, asked: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(asked),
    ...(signal !== undefined && { signal }),
  });
}

function worstGapMs({ contentNs }: SeenAnswer): number {
  const gaps = contentNs.slice(1).map((atNs, at) => (atNs - (contentNs[at] ?? 0)) / 1e6);
  return Math.max(...gaps);
}

/** `millrace trace --json` on one process, line by line. */
class Trace {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #log = '';

  private constructor(processId: number) {
    const [node, ...args] = millraceCommand('trace', '--json', `--pid=${processId}`);
    this.#child = spawn(node, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const { stdout, stderr } = this.#child;
    assert.ok(stdout !== null && stderr !== null);
    stderr.on('data', (piece: Buffer) => (this.#log += String(piece)));
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  static async of(processId: number): Promise<Trace> {
    const trace = new Trace(processId);
    const untilMs = Date.now() + lineMsMax;
    while (!trace.#log.includes('watching')) {
      assert.ok(Date.now() < untilMs && trace.#child.exitCode === null, trace.#log);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return trace;
  }

  /** The next request that was told. */
  async next(): Promise<TracedLine> {
    const late = new Promise<never>((_resolve, reject) => {
      setTimeout(
        () => reject(new Error(`no line within ${lineMsMax} ms: ${this.#log}`)),
        lineMsMax,
      ).unref();
    });
    const line = await Promise.race([this.#lines.next(), late]);
    assert.ok(line.done !== true, this.#log);
    return JSON.parse(line.value) as TracedLine;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }
}
