import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const script = join(import.meta.dirname, '..', '..', 'rig', 'vllm', 'record-events.py');

/** A message of KV events as it was published. */
export interface RecordedKvMessage {
  readonly kinds: readonly string[];
  /** Topic, number, payload; in hexadecimal. */
  readonly frames: readonly string[];
  /** The same events in the encoding of earlier versions. */
  readonly earlier: string;
}

/** What was published, and what a replay from the beginning brought. */
export interface RecordedKvEvents {
  readonly messages: readonly RecordedKvMessage[];
  readonly replay: readonly (readonly string[])[];
}

/** Listens to an engine's KV events with ZeroMQ's own library, which vLLM brings. */
export class KvEventRecorder implements Disposable {
  readonly #child;
  readonly #messages: RecordedKvMessage[] = [];
  readonly #ready: Promise<void>;
  #replay: RecordedKvEvents['replay'] = [];

  constructor(python: string, { url, replay }: { readonly url: string; readonly replay: string }) {
    this.#child = spawn(python, [script, url, replay], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: this.#child.stdout });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ready = promise;
    lines.on('line', (line) => {
      const told = JSON.parse(line) as
        | { readonly ready: true }
        | RecordedKvMessage
        | { readonly replay: RecordedKvEvents['replay'] };
      if ('ready' in told) resolve();
      else if ('replay' in told) this.#replay = told.replay;
      else this.#messages.push(told);
    });
  }

  get whenReady(): Promise<void> {
    return this.#ready;
  }

  /** Asks for all again by replay, and ends. */
  async end(): Promise<RecordedKvEvents> {
    const ended = once(this.#child, 'close');
    this.#child.stdin.write('\n');
    await ended;
    return { messages: this.#messages, replay: this.#replay };
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
