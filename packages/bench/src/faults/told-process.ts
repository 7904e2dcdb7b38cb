import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { BenchError } from '../errors.ts';

type Line = Readonly<Record<string, unknown>>;

/** How long a program of the rig may take for what it is asked. */
const lineMsMax = 30_000;

/** A program that tells what it does, one JSON object a line. Disposing ends it. */
export class ToldProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #stderr = '';

  constructor(command: readonly string[]) {
    const [program = '', ...args] = command;
    this.#name = command.slice(-6).join(' ');
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.once('error', (error) => (this.#stderr += error.message));
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw this.#fault('it has no output');
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2000);
    });
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  /** The next thing it tells. Throws `BENCH_SIDE_FAILED` when it ends before, or takes longer than half a minute. */
  async line(): Promise<Line> {
    const late = AbortSignal.timeout(lineMsMax);
    const next = await Promise.race([
      this.#lines.next(),
      once(late, 'abort').then(() => undefined),
    ]);
    if (next === undefined) throw this.#fault(`it told nothing for ${lineMsMax} ms`);
    if (next.done === true) throw this.#fault('it ended before it told its result');
    return JSON.parse(next.value) as Line;
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #fault(reason: string): BenchError {
    return new BenchError(`run ${this.#name}: ${reason}; ${this.#stderr}`, {
      code: 'BENCH_SIDE_FAILED',
    });
  }
}
