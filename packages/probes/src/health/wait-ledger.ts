import type { RunQueueEvent } from '../decoders/run-queue-event.ts';

const waitsMaxDefault = 65_536;

/** Keeps the latest waits of servers' threads; the oldest leave first. Pure. */
export class WaitLedger {
  readonly #waitsMax: number;
  #waits: RunQueueEvent[] = [];

  constructor(options: { readonly waitsMax?: number } = {}) {
    this.#waitsMax = options.waitsMax ?? waitsMaxDefault;
  }

  push(event: RunQueueEvent): void {
    this.#waits.push(event);
    // A quarter at once, so that forgetting costs little for each event.
    if (this.#waits.length > this.#waitsMax) {
      this.#waits = this.#waits.slice(-Math.ceil(this.#waitsMax * 0.75));
    }
  }

  /** Waits of a process's threads that touch a stretch of time. */
  between(tgid: number, startNs: number, endNs: number): readonly RunQueueEvent[] {
    return this.#waits.filter(
      (wait) => wait.tgid === tgid && wait.endNs >= startNs && wait.beginNs <= endNs,
    );
  }
}
