import type { Clock, Timer } from '@millrace/stdx';
import type { Cancellation } from '../messages/cancellation.ts';

/** Bounds of the line in which requests wait for an endpoint. */
export interface LineBounds {
  readonly lengthMax: number;
}

/** How waiting ended: `look` asks to try again, and to come back with the same ticket if that fails. */
export type WaitEnd = 'look' | 'timed-out' | 'full' | 'left';

interface Waiter {
  readonly order: number;
  readonly wake: (end: WaitEnd) => void;
}

/** A place in the line, kept while its request looks and waits again. */
export interface Ticket {
  readonly order: number;
}

/** Where requests wait while no endpoint may take them: first come first served, bounded in length and time. */
export class WaitingLine {
  readonly #clock: Clock;
  readonly #bounds: LineBounds;
  /** By order of coming. */
  readonly #waiters: Waiter[] = [];
  #nextOrder = 0;

  constructor(clock: Clock, bounds: LineBounds) {
    this.#clock = clock;
    this.#bounds = bounds;
  }

  get length(): number {
    return this.#waiters.length;
  }

  /** A place at the end of the line. */
  take(): Ticket {
    return { order: this.#nextOrder++ };
  }

  /** Waits until there may be room, for at most `waitMs`. */
  wait(ticket: Ticket, waitMs: number, cancellation: Cancellation): Promise<WaitEnd> {
    if (cancellation.reason !== undefined) return Promise.resolve('left');
    if (waitMs <= 0) return Promise.resolve('timed-out');
    if (this.#waiters.length >= this.#bounds.lengthMax) return Promise.resolve('full');
    return new Promise((resolve) => {
      let timer: Timer | undefined = undefined;
      const leave = (): void => waiter.wake('left');
      const waiter: Waiter = {
        order: ticket.order,
        wake: (end) => {
          const place = this.#waiters.indexOf(waiter);
          if (place === -1) return;
          this.#waiters.splice(place, 1);
          timer?.cancel();
          cancellation.unsubscribe(leave);
          resolve(end);
        },
      };
      timer = this.#clock.after(waitMs, () => waiter.wake('timed-out'));
      cancellation.subscribe(leave);
      this.#insert(waiter);
    });
  }

  /** There is room for about `count` requests: as many look, those who came first before others. */
  wake(count: number): void {
    if (this.#waiters.length === 0) return;
    for (const waiter of this.#waiters.slice(0, count)) waiter.wake('look');
  }

  #insert(waiter: Waiter): void {
    const place = this.#waiters.findLastIndex(({ order }) => order < waiter.order);
    this.#waiters.splice(place + 1, 0, waiter);
  }
}
