import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { BenchError } from '../errors.ts';
import { readProcessCost } from '../rig/process-cost.ts';
import { millraceCommand } from '../sides/millrace-command.ts';

/** What a trace said at its end. */
export interface TraceAccount {
  readonly requests: number;
  readonly delivered: number;
  readonly dropped: number;
}

const startMsMax = 20_000;
const endMsMax = 10_000;

/** `millrace trace --json` in a process of its own, with all probes on the server of one port. Disposing kills it. */
export class TraceProcess implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<unknown>;
  #said = '';

  /** No probe is turned off for its cost, since that is what is measured. */
  constructor(port: number) {
    const budget = ['--probe-cpu-percent-max', '100'];
    const [program, ...args] = millraceCommand('trace', '--json', '--port', `${port}`, ...budget);
    this.#process = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process.stdout.resume();
    this.#process.stderr.on('data', (piece: Buffer) => (this.#said += String(piece)));
    this.#ended = once(this.#process, 'close');
  }

  /** Probes are attached. Throws `BENCH_SIDE_FAILED` with what it said, where they cannot be. */
  async ready(): Promise<void> {
    const signal = AbortSignal.timeout(startMsMax);
    while (!this.#said.includes('watching')) {
      const ended = this.#ended.then(() => true);
      const hasEnded = await Promise.race([
        ended,
        once(this.#process.stderr, 'data', { signal }).then(() => false),
      ]);
      if (hasEnded) throw this.#failed();
    }
  }

  /** Processor time of all its threads. */
  processorNs(): number {
    return readProcessCost([this.#process.pid ?? 0]).processorNs;
  }

  /** Lets it tell what is left, and end. */
  async end(): Promise<TraceAccount> {
    this.#process.kill('SIGTERM');
    const cut = setTimeout(() => this.#process.kill('SIGKILL'), endMsMax);
    await this.#ended;
    clearTimeout(cut);
    const account = readTraceAccount(this.#said);
    if (account === undefined) throw this.#failed();
    return account;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await this.#ended;
  }

  #failed(): BenchError {
    return new BenchError(`trace: it ended or hung; it said: ${this.#said.slice(-1000)}`, {
      code: 'BENCH_SIDE_FAILED',
    });
  }
}

/** The last line of a trace; undefined where there is none. */
export function readTraceAccount(said: string): TraceAccount | undefined {
  const requests = /^(\d+) requests; /m.exec(said)?.[1];
  if (requests === undefined) return undefined;
  const sums = [...said.matchAll(/attempted = (\d+) delivered \+ (\d+) dropped/g)];
  const sum = (at: number): number => sums.reduce((total, found) => total + Number(found[at]), 0);
  return { requests: Number(requests), delivered: sum(1), dropped: sum(2) };
}
