import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, messageOf, type Timer } from '@millrace/stdx';
import { ServerError } from '../errors.ts';
import { awaitOrder, type KeeperNews, type KeeperOrder } from './engine-keeper.ts';
import { launchCommand, type LaunchPlace, type LaunchSpec } from './launch-command.ts';

/** How a foreign engine is started and watched. */
export interface LaunchedEngineOptions {
  /** What news call it. */
  readonly name: string;
  readonly spec: LaunchSpec;
  readonly place: LaunchPlace;
  readonly clock: Clock;
  readonly onNews: (news: string) => void;
  /** Whether it answers at present; asked again and again while it runs. */
  readonly isHealthy: () => Promise<boolean>;
  readonly bounds?: Partial<LaunchBounds>;
}

/** Bounds of starting and watching. */
export interface LaunchBounds {
  /** Loading weights takes minutes. */
  readonly startMsMax: number;
  /** Without an answer for so long it is started again. */
  readonly hungMsMax: number;
  readonly lookMs: number;
  readonly restartMsMin: number;
  readonly restartMsMax: number;
  /** One that lived so long begins anew with the shortest pause. */
  readonly stableMs: number;
  readonly endMsMax: number;
}

const defaults: LaunchBounds = {
  startMsMax: 900_000,
  hungMsMax: 60_000,
  lookMs: 1_000,
  restartMsMin: 1_000,
  restartMsMax: 60_000,
  stableMs: 120_000,
  endMsMax: 15_000,
};

export type LaunchState = 'starting' | 'serving' | 'resting' | 'ended';

/** Lines of its output that are kept for the message about its end. */
const linesKept = 8;

/** A foreign engine that is started, watched, started again when it dies or hangs, and ended at the end. */
export class LaunchedEngine implements AsyncDisposable {
  readonly #options: LaunchedEngineOptions;
  readonly #bounds: LaunchBounds;
  #keeper: ChildProcess | undefined;
  #timer: Timer | undefined;
  #state: LaunchState = 'starting';
  #deathsInARow = 0;
  #startedAtMs = 0;
  #answeredAtMs = 0;
  #folder: string | undefined;
  readonly #lastLines: string[] = [];

  constructor(options: LaunchedEngineOptions) {
    this.#options = options;
    this.#bounds = { ...defaults, ...options.bounds };
    this.#spawn();
  }

  get state(): LaunchState {
    return this.#state;
  }

  get deathsInARow(): number {
    return this.#deathsInARow;
  }

  /** Ends it and starts it once more, at once: for another version of its model. Its requests must have ended. */
  async restart(): Promise<void> {
    this.#timer?.cancel();
    await this.#end();
    this.#deathsInARow = 0;
    this.#spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = 'ended';
    this.#timer?.cancel();
    await this.#end();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  #spawn(): void {
    const { name, clock, onNews } = this.#options;
    this.#state = 'starting';
    this.#startedAtMs = clock.nowMs();
    this.#answeredAtMs = this.#startedAtMs;
    const module = new URL(`engine-keeper${extensionHere}`, import.meta.url).href;
    const script = `import(${JSON.stringify(module)}).then((keeper) => keeper.${awaitOrder.name}())`;
    const keeper = spawn(process.execPath, [...process.execArgv, '--eval', script], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#keeper = keeper;
    for (const stream of [keeper.stdout, keeper.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => this.#keepLines(text));
    let how = 'its keeper ended';
    keeper.on('message', (news: KeeperNews) => (how = news.how));
    keeper.once('exit', () => {
      if (this.#keeper === keeper) this.#noteEnd(how);
    });
    keeper.send(this.#order());
    onNews(`engine ${name} is started`);
    this.#lookLater();
  }

  #order(): KeeperOrder {
    const { spec, place } = this.#options;
    const { program, args, env, file } = launchCommand(spec, place);
    let path = '';
    if (file !== undefined) {
      this.#folder ??= mkdtempSync(join(tmpdir(), 'millrace-launch-'));
      path = join(this.#folder, 'options.yaml');
      writeFileSync(path, file);
    }
    const filled = args.map((arg) => (arg === '{file}' ? path : arg));
    return { program, args: filled, env, endMsMax: this.#bounds.endMsMax };
  }

  #lookLater(): void {
    this.#timer = this.#options.clock.after(this.#bounds.lookMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const keeper = this.#keeper;
    const isHealthy = await this.#options.isHealthy().catch(() => false);
    if (this.#keeper !== keeper || this.#state === 'ended' || this.#state === 'resting') return;
    const { clock, onNews, name } = this.#options;
    const nowMs = clock.nowMs();
    if (isHealthy) {
      if (this.#state === 'starting') {
        const tookMs = Math.round(nowMs - this.#startedAtMs);
        onNews(`engine ${name} serves, ${tookMs} ms after it was started`);
      }
      this.#state = 'serving';
      this.#answeredAtMs = nowMs;
      if (nowMs - this.#startedAtMs >= this.#bounds.stableMs) this.#deathsInARow = 0;
      return this.#lookLater();
    }
    const limitMs = this.#state === 'starting' ? this.#bounds.startMsMax : this.#bounds.hungMsMax;
    if (nowMs - this.#answeredAtMs < limitMs) return this.#lookLater();
    onNews(`engine ${name} has not answered for ${limitMs} ms and is ended`);
    await this.#end();
    this.#rest(`it did not answer for ${limitMs} ms`);
  }

  #noteEnd(how: string): void {
    this.#keeper = undefined;
    if (this.#state === 'ended') return;
    this.#timer?.cancel();
    this.#rest(how);
  }

  #rest(how: string): void {
    const { clock, onNews, name } = this.#options;
    const { restartMsMin, restartMsMax } = this.#bounds;
    this.#state = 'resting';
    const pauseMs = Math.min(restartMsMax, restartMsMin * 2 ** Math.min(this.#deathsInARow++, 30));
    const said =
      this.#lastLines.length === 0 ? '' : `; it said last:\n${this.#lastLines.join('\n')}`;
    onNews(`engine ${name} ended (${how}); it is started again in ${pauseMs} ms${said}`);
    this.#lastLines.length = 0;
    this.#timer = clock.after(pauseMs, () => this.#spawn());
  }

  /** The keeper ends the engine with all that it started, and then itself. */
  async #end(): Promise<void> {
    const keeper = this.#keeper;
    this.#keeper = undefined;
    if (keeper === undefined || keeper.exitCode !== null || keeper.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => keeper.once('exit', () => resolve()));
    if (keeper.connected) keeper.disconnect();
    await ended;
  }

  #keepLines(text: string): void {
    this.#lastLines.push(...text.split('\n').filter((line) => line.trim() !== ''));
    this.#lastLines.splice(0, Math.max(0, this.#lastLines.length - linesKept));
  }
}

/** Sources run as they are; a built package has scripts. */
const extensionHere = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** A port that nobody had a moment ago. Throws `SERVER_ENGINE_FAILED`. */
export async function freePort(host: string): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, host, resolve);
    });
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  } catch (cause) {
    throw new ServerError(`find a port for an engine: ${messageOf(cause)}`, {
      code: 'SERVER_ENGINE_FAILED',
      cause,
    });
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
