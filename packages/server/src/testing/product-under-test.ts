import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ServerUnderTest } from './server-under-test.ts';

const program = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url));

/** The whole product in a process of its own: `millrace up` with a model, on a free port. */
export class ProductUnderTest implements AsyncDisposable {
  #child: ChildProcess | undefined;
  #opened: Promise<ServerUnderTest> | undefined;

  /** Starts it once; further calls give the same. */
  open(modelPath: string): Promise<ServerUnderTest> {
    this.#opened ??= this.#start(modelPath);
    return this.#opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  async #start(modelPath: string): Promise<ServerUnderTest> {
    const flags = ['--port=0', '--no-open', '--no-tune', `--model=${modelPath}`];
    this.#child = spawn(process.execPath, [...process.execArgv, program, 'up', ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.ok(this.#child.stdout !== null);
    let log = '';
    for await (const text of this.#child.stdout) {
      log += String(text);
      const url = /http:\/\/127\.0\.0\.1:\d+(?=\/v1)/.exec(log)?.[0];
      if (url !== undefined) return { url };
    }
    throw new Error(`millrace up ended before it served: ${log}`);
  }
}
