// As a global it is looked up at every use, which here is several times a request.
import { performance } from 'node:perf_hooks';

/** Handle of a timer set on a clock. */
export interface Timer extends Disposable {
  /** Cancels the timer; a timer that has fired stays fired. */
  cancel(): void;
}

/** Where time comes from. All code outside `stdx` and `server` takes one. */
export interface Clock {
  /** Monotonic milliseconds with a fraction; the origin is arbitrary. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch. */
  unixMs(): number;
  /** Calls `run` once, after at least `delayMs`. Does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
  /**
   * Holds the time for what is done without waiting for anything, where a clock can. True: whoever called this releases
   * it; false: somebody else does, or nobody needs to.
   */
  hold(): boolean;
  release(): void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  unixMs: () => Date.now(),
  after: (delayMs, run) => {
    const handle = setTimeout(run, delayMs);
    handle.unref();
    const cancel = (): void => clearTimeout(handle);
    return { cancel, [Symbol.dispose]: cancel };
  },
  hold: () => false,
  release: () => undefined,
};

/** The time of day may be set: for so long it is taken to go as the other does. */
const comparedMsMax = 1_000;

/**
 * Another clock whose time can be held: what is done without waiting for anything is done at one time, which is read once,
 * if at all.
 */
export class HeldClock implements Clock {
  readonly #clock: Clock;
  #isHeld = false;
  /** NaN: not read yet. */
  #nowMs = Number.NaN;
  #unixMs = Number.NaN;
  /** When the two times were compared last, and how far they were apart. */
  #comparedMs = Number.NaN;
  #unixMinusNowMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nowMs(): number {
    if (!this.#isHeld) return this.#clock.nowMs();
    if (Number.isNaN(this.#nowMs)) this.#nowMs = this.#clock.nowMs();
    return this.#nowMs;
  }

  unixMs(): number {
    if (!this.#isHeld) return this.#clock.unixMs();
    if (Number.isNaN(this.#unixMs)) this.#unixMs = this.#readUnixMs();
    return this.#unixMs;
  }

  /** One of the two times tells the other, for as long as they are known not to have gone apart. */
  #readUnixMs(): number {
    const nowMs = this.nowMs();
    if (!(nowMs < this.#comparedMs + comparedMsMax)) {
      this.#comparedMs = nowMs;
      this.#unixMinusNowMs = this.#clock.unixMs() - nowMs;
    }
    return Math.round(nowMs + this.#unixMinusNowMs);
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#clock.after(delayMs, run);
  }

  hold(): boolean {
    if (this.#isHeld) return false;
    this.#isHeld = true;
    this.#nowMs = Number.NaN;
    this.#unixMs = Number.NaN;
    return true;
  }

  release(): void {
    this.#isHeld = false;
  }
}

interface VirtualTimer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that moves only when told to: for tests and for the simulator. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #timers = new Set<VirtualTimer>();

  nowMs(): number {
    return this.#nowMs;
  }

  unixMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer: VirtualTimer = { atMs: this.#nowMs + delayMs, order: this.#order++, run };
    this.#timers.add(timer);
    const cancel = (): void => void this.#timers.delete(timer);
    return { cancel, [Symbol.dispose]: cancel };
  }

  /** It stands still by itself. */
  hold(): boolean {
    return false;
  }

  release(): void {}

  /** Moves time on by `ms` and fires what falls due, in order of time, then of setting. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let due = this.#nextDue(untilMs); due !== undefined; due = this.#nextDue(untilMs)) {
      this.#timers.delete(due);
      this.#nowMs = due.atMs;
      due.run();
    }
    this.#nowMs = untilMs;
  }

  #nextDue(untilMs: number): VirtualTimer | undefined {
    let next: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs > untilMs) continue;
      const isEarlier =
        next === undefined ||
        timer.atMs < next.atMs ||
        (timer.atMs === next.atMs && timer.order < next.order);
      if (isEarlier) next = timer;
    }
    return next;
  }
}
