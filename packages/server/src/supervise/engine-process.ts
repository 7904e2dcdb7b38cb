import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackendAddress } from '@millrace/gateway';
import type { ApiError } from '@millrace/openai';
import { type Clock, type Timer } from '@millrace/stdx';
import { ServerError } from '../errors.ts';
import { type EngineStatus, engineUnavailable } from './engine-status.ts';

/** How an engine process is started and watched. */
export interface EngineProcessOptions {
  /** Program and arguments; the socket's path is added as `--socket=PATH`. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Told of every start, end and restart, in a sentence. */
  readonly onNews: (news: string) => void;
  /** Told when it becomes ready, ends, or is started at another socket. */
  readonly onStatus?: (status: EngineStatus) => void;
  /** Pause before the first restart; it doubles with every death in a row. */
  readonly restartMsMin?: number;
  readonly restartMsMax?: number;
  /** An engine that lived this long begins anew with the shortest pause. */
  readonly stableMs?: number;
}

/** What a child tells its parent. */
export interface EngineMessage {
  readonly kind: 'ready';
  readonly modelId: string;
}

/** Lines of the child's standard error that are kept for the message about its death. */
const linesKept = 8;

/**
 * The engine in a process of its own, so that a native crash ends that process only. It is started again with growing
 * pauses; while there is none, `unavailable` says why. The child ends when this process does: its channel closes.
 */
export class EngineProcess implements AsyncDisposable {
  readonly #options: Required<Omit<EngineProcessOptions, 'onStatus'>> &
    Pick<EngineProcessOptions, 'onStatus'>;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #timer: Timer | undefined;
  #isReady = false;
  #isClosing = false;
  #deathsInARow = 0;
  #restartAtUnixMs = 0;
  #startedAtMs = 0;
  #modelId = '';
  #spawnCount = 0;
  readonly #lastLines: string[] = [];
  readonly #waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] =
    [];

  constructor(options: EngineProcessOptions) {
    this.#options = { restartMsMin: 250, restartMsMax: 15_000, stableMs: 30_000, ...options };
    // The folder is this user's alone, so that nobody else can reach the socket.
    this.#folder = mkdtempSync(join(tmpdir(), 'millrace-'));
  }

  get address(): BackendAddress {
    return { kind: 'socket', path: this.#socketPath };
  }

  get processId(): number | undefined {
    return this.#child?.pid;
  }

  get modelId(): string {
    return this.#modelId;
  }

  get restartCount(): number {
    return this.#deathsInARow;
  }

  /** Why the engine cannot be asked, if so. */
  get unavailable(): ApiError | undefined {
    return engineUnavailable(this.status, this.#options.clock.unixMs());
  }

  get status(): EngineStatus {
    return {
      socketPath: this.#socketPath,
      isReady: this.#isReady,
      deathsInARow: this.#deathsInARow,
      restartAtUnixMs: this.#restartAtUnixMs,
    };
  }

  /** Starts the engine; resolves when it serves. Rejects when it ends before it has served once. */
  start(): Promise<void> {
    this.#spawn();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    this.#timer?.cancel();
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGTERM');
      const timer = this.#options.clock.after(5000, () => child.kill('SIGKILL'));
      await ended;
      timer.cancel();
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Every start has a socket of its own: an engine that was killed has left the last one behind. */
  get #socketPath(): string {
    return join(this.#folder, `engine-${this.#spawnCount}.sock`);
  }

  #spawn(): void {
    this.#spawnCount++;
    const { command, env, clock } = this.#options;
    const [program, ...args] = command;
    this.#startedAtMs = clock.nowMs();
    const child = spawn(program as string, [...args, `--socket=${this.#socketPath}`], {
      env,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.on('message', (message: EngineMessage) => this.#noteReady(message));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keepLines(text));
    child.on('error', (error) => this.#keepLines(`${error.message}\n`));
    child.once('exit', (code, signal) => this.#noteEnd(signal ?? `status ${code}`));
    this.#tellStatus();
  }

  #noteReady(message: EngineMessage): void {
    this.#isReady = true;
    this.#modelId = message.modelId;
    this.#tellStatus();
    if (this.#deathsInARow > 0) this.#options.onNews('the engine serves again');
    for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  #noteEnd(how: string): void {
    this.#isReady = false;
    if (this.#isClosing) return;
    const reason =
      this.#lastLines.length === 0 ? '' : `; it said last:\n${this.#lastLines.join('\n')}`;
    if (this.#waiters.length > 0) {
      this.#isClosing = true;
      const failure = new ServerError(`the engine ended (${how}) before it served${reason}`, {
        code: 'SERVER_ENGINE_FAILED',
      });
      for (const { reject } of this.#waiters.splice(0)) reject(failure);
      return;
    }
    this.#scheduleRestart(how, reason);
  }

  #scheduleRestart(how: string, reason: string): void {
    const { clock, restartMsMin, restartMsMax, stableMs, onNews } = this.#options;
    const livedMs = clock.nowMs() - this.#startedAtMs;
    this.#deathsInARow = livedMs >= stableMs ? 1 : this.#deathsInARow + 1;
    const pauseMs = Math.min(restartMsMax, restartMsMin * 2 ** (this.#deathsInARow - 1));
    this.#restartAtUnixMs = clock.unixMs() + pauseMs;
    this.#tellStatus();
    onNews(`the engine ended (${how}); it is started again in ${pauseMs} ms${reason}`);
    this.#lastLines.length = 0;
    this.#timer = clock.after(pauseMs, () => this.#spawn());
  }

  #tellStatus(): void {
    this.#options.onStatus?.(this.status);
  }

  #keepLines(text: string): void {
    this.#lastLines.push(...text.split('\n').filter((line) => line.trim() !== ''));
    this.#lastLines.splice(0, Math.max(0, this.#lastLines.length - linesKept));
  }
}
