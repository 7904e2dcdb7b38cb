import { assert } from '@millrace/stdx';
import type { Generation, GenerationEvent } from '../request.ts';

type TextEvent = Extract<GenerationEvent, { kind: 'text' }>;

/**
 * The events of one request between the engine, which never waits, and its reader, which may be slow. Text that the
 * reader has not taken yet grows into one event a choice, so what waits is bounded by the request's own tokens.
 */
export class GenerationStream implements Generation {
  readonly #onCancel: () => void;
  readonly #events: GenerationEvent[] = [];
  #wake: (() => void) | undefined;
  #isOver = false;
  #isHeld: boolean;
  #isTaken = false;

  constructor(options: { readonly onCancel: () => void; readonly isHeld: boolean }) {
    this.#onCancel = options.onCancel;
    this.#isHeld = options.isHeld;
  }

  /** True when the last event has been given. */
  get isOver(): boolean {
    return this.#isOver;
  }

  cancel(): void {
    if (!this.#isOver) this.#onCancel();
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  /** Adds an event; after `finished` or `failed` there are no more. */
  push(event: GenerationEvent): void {
    assert(!this.#isOver, 'nothing follows the last event');
    this.#isOver = event.kind === 'finished' || event.kind === 'failed';
    const last = this.#events.at(-1);
    if (event.kind === 'text' && last?.kind === 'text' && last.choiceIndex === event.choiceIndex) {
      this.#events[this.#events.length - 1] = joined(last, event);
    } else {
      this.#events.push(event);
    }
    if (!this.#isHeld) this.#wakeReader();
  }

  /** Lets the reader have what was held back. */
  release(): void {
    this.#isHeld = false;
    this.#wakeReader();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<GenerationEvent, void, void> {
    assert(!this.#isTaken, 'a generation is read once');
    this.#isTaken = true;
    try {
      for (;;) {
        const event = this.#isHeld ? undefined : this.#events.shift();
        if (event === undefined) {
          await new Promise<void>((resolve) => (this.#wake = resolve));
          continue;
        }
        yield event;
        if (event.kind === 'finished' || event.kind === 'failed') return;
      }
    } finally {
      this.cancel();
    }
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function joined(one: TextEvent, other: TextEvent): TextEvent {
  const tokens =
    other.tokens.length === 0
      ? one.tokens
      : one.tokens.length === 0
        ? other.tokens
        : [...one.tokens, ...other.tokens];
  return { ...one, text: one.text + other.text, tokens };
}
