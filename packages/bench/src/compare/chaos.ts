import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as openRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Prng, seededPrng } from '@millrace/stdx';
import { runChaoticEngine } from '../chaos/chaotic-engine.ts';
import type { Figure } from '../report/report.ts';
import { freePort, startChild } from '../sides/child-server.ts';
import { millraceCommand } from '../sides/millrace-command.ts';
import type { Comparison } from './comparison.ts';
import { goalAtMost } from './goal.ts';

const engineCount = 6;
const clients = 64;
/** An engine is killed and started again so often, and the configuration changed. */
const killMs = 700;
const reloadMs = 1_500;
const quietMsMax = 15_000;

/** How one request ended, as its client saw it; `lost` is none of the ways that are clear. */
type Ending = 'whole' | 'stream' | 'error event' | 'error answer' | 'client left' | 'lost';

/** What the chaos needs. */
export interface ChaosContext {
  readonly requests: number;
  readonly onProgress: (text: string) => void;
}

/** Engines that die, hang and lie, killed and reloaded under load: whether every request ends clearly, and nothing runs on. */
export async function measureChaos(context: ChaosContext): Promise<Comparison> {
  await using parts = new AsyncDisposableStack();
  const ports = await Promise.all(Array.from({ length: engineCount }, () => freePort()));
  const engines = ports.map((port, index) => new ChaoticProcess(port, index));
  parts.defer(() => engines.forEach((engine) => engine.kill()));
  const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-'));
  parts.defer(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'millrace.yaml');
  writeConfig(file, ports, 0);
  const gateway = parts.use(await startGateway(file));
  const random = seededPrng(1);
  let [kills, reloads] = [0, 0];
  const killing = setInterval(() => void engines[kills++ % engineCount]?.restart(), killMs);
  const reloading = setInterval(() => writeConfig(file, ports, ++reloads), reloadMs);
  parts.defer(() => [killing, reloading].forEach((timer) => clearInterval(timer)));
  const endings = new Map<Ending, number>();
  const startedAtMs = performance.now();
  await runClients(gateway.url, random, {
    ...context,
    note: (ending) => endings.set(ending, (endings.get(ending) ?? 0) + 1),
  });
  const tookS = (performance.now() - startedAtMs) / 1_000;
  for (const timer of [killing, reloading]) clearInterval(timer);
  const left = await runningAfterAll(ports);
  const row = { comparison: 'chaos', side: 'millrace' };
  const figures = [...endings].map(([name, count]): Figure => ({ ...row, name, values: [count] }));
  return {
    figures: [
      ...figures,
      { ...row, name: 'requests/s', values: [context.requests / tookS] },
      { ...row, name: 'upstream work left', values: [left] },
    ],
    goals: [
      goalAtMost('requests lost ≤ 0', endings.get('lost') ?? 0, 0),
      goalAtMost('upstream work left running ≤ 0', left, 0),
    ],
    notes: [
      `${context.requests} requests of ${clients} clients, a tenth of which leave early; ${engineCount} engines in processes of their own that die amid answers, hang, slow down, answer garbage, close kept connections and lie in their metrics; ${kills} kills by SIGKILL, ${reloads} changes of the configuration meanwhile.`,
    ],
  };
}

class ChaoticProcess {
  readonly #port: number;
  #seed: number;
  #child: ChildProcess;

  constructor(port: number, seed: number) {
    this.#port = port;
    this.#seed = seed;
    this.#child = this.#spawn();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async restart(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.kill();
    await ended;
    this.#child = this.#spawn();
  }

  #spawn(): ChildProcess {
    const module = new URL('../chaos/chaotic-engine.ts', import.meta.url).href;
    const call = `${runChaoticEngine.name}(${this.#port}, ${++this.#seed})`;
    const script = `import(${JSON.stringify(module)}).then((engine) => engine.${call})`;
    return spawn(process.execPath, ['--conditions=@millrace/source', '--eval', script], {
      stdio: 'ignore',
    });
  }
}

function writeConfig(file: string, ports: readonly number[], version: number): void {
  const endpoints = ports.map((port, index) => ({
    url: `http://127.0.0.1:${port}`,
    weight: 1 + ((version + index) % 3),
  }));
  const timeouts = { firstByteMs: 500, connectMs: 500, betweenTokensMs: 500 };
  const resilience = { tries: 3, retryShare: 1, continue: true, hedge: {} };
  writeFileSync(file, JSON.stringify({ endpoints, timeouts, resilience }));
}

async function startGateway(file: string): ReturnType<typeof startChild> {
  return await startChild({
    command: (port) =>
      millraceCommand('up', `--config=${file}`, `--port=${port}`, '--lanes=2', '--no-open'),
    modelId: 'm',
  });
}

async function runClients(
  url: string,
  random: Prng,
  run: ChaosContext & { readonly note: (ending: Ending) => void },
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  let asked = 0;
  const client = async (): Promise<void> => {
    while (asked < run.requests) {
      if (++asked % 10_000 === 0) run.onProgress(`chaos: ${asked} requests`);
      run.note(await askOnce(url, agent, random));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
}

function askOnce(url: string, agent: Agent, random: Prng): Promise<Ending> {
  const isStream = random.below(2) === 0;
  const isLeaving = random.below(10) === 0;
  const body = JSON.stringify({
    model: 'm',
    stream: isStream,
    messages: [{ role: 'user', content: `${random.below(50)} `.repeat(200) }],
  });
  return new Promise((resolve) => {
    const outgoing = openRequest(new URL('/v1/chat/completions', url), {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    const lost = (): void => resolve(isLeaving ? 'client left' : 'lost');
    if (isLeaving) setTimeout(() => outgoing.destroy(), random.below(20));
    outgoing.on('error', lost);
    outgoing.on('response', (message) => {
      let text = '';
      message.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      message.on('error', lost);
      message.on('end', () => resolve(endingOf(message.statusCode ?? 0, text)));
    });
    outgoing.end(body);
  });
}

/** A whole answer, a stream to its end, or an error that says what happened; all else is lost. */
function endingOf(status: number, text: string): Ending {
  if (status !== 200) return /"message":"[^"]+/.test(text) ? 'error answer' : 'lost';
  if (text === '{"whole":true}') return 'whole';
  if (text.endsWith('data: [DONE]\n\n')) return 'stream';
  return /(?:^|\n)data: \{"error":\{"message":"[^"]+.*\n\n$/.test(text) ? 'error event' : 'lost';
}

/** Requests that engines still work on, some time after the last client has gone. */
async function runningAfterAll(ports: readonly number[]): Promise<number> {
  const untilMs = performance.now() + quietMsMax;
  for (;;) {
    const counts = await Promise.all(ports.map(runningAt));
    const sum = counts.reduce((total, count) => total + count, 0);
    if (sum === 0 || performance.now() > untilMs) return sum;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function runningAt(port: number): Promise<number> {
  try {
    return Number(await (await fetch(`http://127.0.0.1:${port}/running`)).text());
  } catch {
    return 0;
  }
}
