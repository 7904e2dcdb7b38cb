import { firstIndex } from '@millrace/stdx';
import type { RunQueueEvent } from '../decoders/run-queue-event.ts';

const waitsMaxDefault = 65_536;

/** Keeps the latest waits of servers' threads; the oldest leave first. Pure. */
export class WaitLedger {
  readonly #waitsMax: number;
  /** By process, in the order in which they were told: nearly that of their ends. */
  readonly #waits = new Map<number, RunQueueEvent[]>();
  #count = 0;

  constructor(options: { readonly waitsMax?: number } = {}) {
    this.#waitsMax = options.waitsMax ?? waitsMaxDefault;
  }

  push(event: RunQueueEvent): void {
    const known = this.#waits.get(event.tgid);
    if (known === undefined) this.#waits.set(event.tgid, [event]);
    else known.push(event);
    if (++this.#count > this.#waitsMax) this.#forget();
  }

  /** Waits of a process's threads that touch a stretch of time. */
  between(tgid: number, startNs: number, endNs: number): readonly RunQueueEvent[] {
    const waits = this.#waits.get(tgid) ?? [];
    // Processors tell in turns, so that ends are out of order by less than the slack.
    const first = firstIndex(waits, ({ endNs: atNs }) => atNs >= startNs - orderSlackNs);
    const found: RunQueueEvent[] = [];
    for (let index = first; index < waits.length; index++) {
      const wait = waits[index] as RunQueueEvent;
      if (wait.endNs >= startNs && wait.beginNs <= endNs) found.push(wait);
    }
    return found;
  }

  /** A quarter at once, so that forgetting costs little for each event. */
  #forget(): void {
    const ends = [...this.#waits.values()].flat().map(({ endNs }) => endNs);
    const oldestNs = ends.toSorted((one, other) => one - other)[Math.floor(ends.length / 4)] ?? 0;
    for (const [tgid, waits] of this.#waits) {
      const kept = waits.filter(({ endNs }) => endNs > oldestNs);
      if (kept.length === 0) this.#waits.delete(tgid);
      else this.#waits.set(tgid, kept);
    }
    this.#count = [...this.#waits.values()].reduce((sum, { length }) => sum + length, 0);
  }
}

/** How far records of one ring may be out of the order of their times: they are stamped before their room is reserved. */
const orderSlackNs = 10_000_000;
