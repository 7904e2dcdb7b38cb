import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BenchError } from '../errors.ts';

/** What a reader read, and what it cost its whole process. */
export interface ReaderAccount {
  readonly delivered: number;
  readonly bytes: number;
  readonly outOfOrder: number;
  readonly bytesBehind: number;
  readonly cpuUs: number;
}

export interface ReaderOptions {
  readonly folder: string;
  readonly wait: 'timer' | 'epoll';
  /** The processor that it may run on. */
  readonly cpu: number;
}

const answerMsMax = 20_000;

/** A process that reads a pinned ring on one processor. Disposing kills it. */
export class RingReader implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #lines: Interface;

  constructor({ folder, wait, cpu }: ReaderOptions) {
    const entry = fileURLToPath(new URL('./ring-reader.entry.ts', import.meta.url));
    const args = ['-c', String(cpu), process.execPath, ...process.execArgv, entry, folder, wait];
    this.#process = spawn('taskset', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const { stdout } = this.#process;
    if (stdout === null)
      throw new BenchError('read a ring: the reader has no output', { code: 'BENCH_SIDE_FAILED' });
    this.#lines = createInterface({ input: stdout });
  }

  async ready(): Promise<void> {
    await this.#line();
  }

  /** Lets it read what is left, and end. */
  async end(): Promise<ReaderAccount> {
    this.#process.stdin?.end();
    return JSON.parse(await this.#line()) as ReaderAccount;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lines.close();
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await once(this.#process, 'close');
  }

  async #line(): Promise<string> {
    const [line] = (await once(this.#lines, 'line', {
      signal: AbortSignal.timeout(answerMsMax),
    })) as [string];
    return line;
  }
}
