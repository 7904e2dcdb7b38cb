import type { Clock, Timer } from '@millrace/stdx';

/** Something that is to happen unless it is put off or called off. Its queue links it. */
export class Deadline {
  readonly onDue: () => void;
  dueMs = 0;
  /** Of the queue in which it was set last. */
  lengthMs = 0;
  /** It is to begin anew with its next step, of which there are as many left, the one at hand included. */
  isPutOff = false;
  stepsLeft = 0;
  queue: DeadlineQueue | undefined;
  previous: Deadline | undefined;
  next: Deadline | undefined;

  constructor(onDue: () => void) {
    this.onDue = onDue;
  }

  /** Calls it off; does nothing where it is not set. */
  cancel(): void {
    this.queue?.remove(this);
  }
}

/**
 * Deadlines of one length. As all are equally long they fall due in the order in which they were set, so that setting
 * one is a few writes, and one timer of the clock serves them all. What is put off again and again is put off in steps,
 * at whose ends it finds out how long it still has. Hot path: once a piece of every answer.
 */
export class DeadlineQueue implements Disposable {
  readonly lengthMs: number;
  readonly #stepCount: number;
  readonly #stepMs: number;
  readonly #clock: Clock;
  #first: Deadline | undefined;
  #last: Deadline | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock, lengthMs: number, stepCount: number = 1) {
    this.#clock = clock;
    this.lengthMs = lengthMs;
    this.#stepCount = stepCount;
    this.#stepMs = lengthMs / stepCount;
  }

  /** Sets a deadline, or puts off one that is set. */
  set(deadline: Deadline): void {
    deadline.queue?.remove(deadline);
    deadline.lengthMs = this.lengthMs;
    deadline.stepsLeft = this.#stepCount;
    this.#beginStep(deadline, this.#clock.nowMs());
    // A timer that comes too early, because what it was for was called off, finds out what to wait for.
    if (this.#timer === undefined) this.#wait(this.#stepMs);
  }

  /** Puts off one that is set without asking for the time, so that it falls due late by a step at most; sets another. */
  putOff(deadline: Deadline): void {
    if (deadline.queue === this) deadline.isPutOff = true;
    else this.set(deadline);
  }

  #beginStep(deadline: Deadline, nowMs: number): void {
    deadline.queue = this;
    deadline.isPutOff = false;
    deadline.dueMs = nowMs + this.#stepMs;
    deadline.previous = this.#last;
    if (this.#last === undefined) this.#first = deadline;
    else this.#last.next = deadline;
    this.#last = deadline;
  }

  remove(deadline: Deadline): void {
    if (deadline.queue !== this) return;
    if (deadline.previous === undefined) this.#first = deadline.next;
    else deadline.previous.next = deadline.next;
    if (deadline.next === undefined) this.#last = deadline.previous;
    else deadline.next.previous = deadline.previous;
    deadline.queue = undefined;
    deadline.previous = undefined;
    deadline.next = undefined;
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#first !== undefined) this.remove(this.#first);
  }

  #wait(ms: number): void {
    this.#timer = this.#clock.after(ms, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    while (this.#first !== undefined && this.#first.dueMs <= nowMs) {
      const due = this.#first;
      this.remove(due);
      due.stepsLeft = due.isPutOff ? this.#stepCount : due.stepsLeft - 1;
      if (due.stepsLeft === 0) due.onDue();
      else this.#beginStep(due, nowMs);
    }
    if (this.#first !== undefined && this.#timer === undefined)
      this.#wait(Math.max(1, this.#first.dueMs - nowMs));
  }
}
