import { MessageChannel } from 'node:worker_threads';
import type { Timer } from '@millrace/stdx';
import type { Readiness } from '../sys/readiness.ts';
import type { ResolvedRingOptions } from './ring-options.ts';

interface Parts {
  readonly options: ResolvedRingOptions;
  readonly readiness: Readiness;
  readonly signal: AbortSignal;
}

/** What a look at the ring found. */
export interface Look {
  readonly hasFound: boolean;
  /** Something is reserved that cannot be read yet. */
  readonly hasBusy: boolean;
}

/** Decides how long to rest between two looks at a ring, and rests. */
export class RingRest implements Disposable {
  readonly #options: ResolvedRingOptions;
  readonly #readiness: Readiness;
  readonly #signal: AbortSignal;
  // A clock's timers let the process end; a port that listens does not.
  readonly #alive = new MessageChannel();
  #intervalMs: number;

  constructor({ options, readiness, signal }: Parts) {
    this.#options = options;
    this.#readiness = readiness;
    this.#signal = signal;
    this.#intervalMs = options.restMsMin;
    this.#alive.port1.on('message', () => undefined);
  }

  /** Resolves when it is time for another look, or when the signal aborts. */
  async until({ hasFound, hasBusy }: Look): Promise<void> {
    const { wait, restMsMin, restMsMax } = this.#options;
    if (this.#signal.aborted) return;
    if (wait === 'epoll') {
      // The kernel calls a ring with a busy record readable, and would wake us without end.
      await (hasFound || hasBusy ? this.#rest(restMsMin) : this.#readable());
      return;
    }
    this.#intervalMs = hasFound
      ? Math.max(restMsMin, this.#intervalMs / 2)
      : Math.min(restMsMax, Math.max(1, this.#intervalMs) * 2);
    await this.#rest(this.#intervalMs);
  }

  [Symbol.dispose](): void {
    this.#alive.port1.close();
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | undefined = undefined;
      const end = (): void => {
        timer?.cancel();
        this.#signal.removeEventListener('abort', end);
        resolve();
      };
      timer = this.#options.clock.after(ms, end);
      this.#signal.addEventListener('abort', end);
    });
  }

  #readable(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#readiness[Symbol.dispose]();
        this.#signal.removeEventListener('abort', end);
        resolve();
      };
      this.#readiness.once(end);
      this.#signal.addEventListener('abort', end);
    });
  }
}
