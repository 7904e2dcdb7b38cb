import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { BenchError } from '../errors.ts';
import type { RunningSide } from './side.ts';

const usualStartMsMax = 120_000;
const lookMs = 100;

/** Starts a server process, waits until it answers `/health`, and ends it when disposed. */
export async function startChild(step: {
  readonly command: (port: number) => readonly string[];
  readonly modelId: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly startMsMax?: number;
  /** What answers once it serves; by default `/health`. */
  readonly healthPath?: string;
}): Promise<RunningSide> {
  const { startMsMax = usualStartMsMax, healthPath = '/health' } = step;
  const port = await freePort();
  const [program, ...args] = step.command(port);
  const child = spawn(program as string, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...step.env },
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-4000)));
  const url = `http://127.0.0.1:${port}`;
  const ended = once(child, 'exit');
  const leave = endWithUs(child);
  for (let waitedMs = 0; ; waitedMs += lookMs) {
    if (child.exitCode !== null || waitedMs > startMsMax) {
      child.kill('SIGKILL');
      throw new BenchError(
        `start ${program}: it does not serve after ${waitedMs} ms; it said last: ${log}`,
        {
          code: 'BENCH_SIDE_FAILED',
        },
      );
    }
    const isUp = await fetch(`${url}${healthPath}`).then(
      (response) => response.ok,
      () => false,
    );
    if (isUp) break;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return {
    url,
    modelId: step.modelId,
    processId: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      const cut = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(cut);
      leave();
    },
  };
}

/** A measurement that is told to end takes its servers along; the function returned undoes that. */
function endWithUs(child: ChildProcess): () => void {
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  const end = (): void => {
    child.kill('SIGKILL');
    // Other servers of this measurement have handlers of their own, which run first.
    setImmediate(() => process.exit(1));
  };
  for (const signal of signals) process.once(signal, end);
  return () => {
    for (const signal of signals) process.off(signal, end);
  };
}

/** A port that nobody had a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
