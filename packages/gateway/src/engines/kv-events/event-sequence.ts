/** A numbered message of an engine. */
export interface NumberedPayload {
  readonly sequence: number;
  readonly payload: Buffer;
}

/** What is to be done after a message. */
export type SequenceStep =
  /** These are next, in their order. */
  | { readonly kind: 'apply'; readonly payloads: readonly Buffer[] }
  /** Messages from this number on were missed: ask for them again. */
  | { readonly kind: 'replay'; readonly from: number }
  /** It came before. */
  | { readonly kind: 'pass' }
  /** What was missed cannot be had any more: all that is known of the cache is to be forgotten. */
  | { readonly kind: 'forget'; readonly payloads: readonly Buffer[] };

/** Messages that wait for a gap to be filled. */
const heldMax = 4_096;

/** Puts an engine's messages in order: finds gaps, holds what comes after one, and says when one cannot be filled. */
export class EventSequence {
  readonly #canReplay: boolean;
  #next: number | undefined;
  #isReplaying = false;
  #held: NumberedPayload[] = [];
  #gaps = 0;

  constructor(canReplay: boolean) {
    this.#canReplay = canReplay;
  }

  /** Gaps since the start. */
  get gaps(): number {
    return this.#gaps;
  }

  /** A message that was published. */
  take(message: NumberedPayload): SequenceStep {
    const next = this.#next ?? (this.#canReplay ? 0 : message.sequence);
    this.#next = next;
    if (this.#isReplaying) return this.#hold(message);
    if (message.sequence === next) {
      this.#next = next + 1;
      return { kind: 'apply', payloads: [message.payload] };
    }
    // Lower than what comes next: another engine has taken the address and counts from its own beginning.
    if (message.sequence < next) {
      this.#next = message.sequence + 1;
      return { kind: 'forget', payloads: [message.payload] };
    }
    this.#gaps++;
    if (!this.#canReplay) {
      this.#next = message.sequence + 1;
      return { kind: 'forget', payloads: [message.payload] };
    }
    this.#isReplaying = true;
    this.#held = [message];
    return { kind: 'replay', from: next };
  }

  /** The answer to a replay: all that the engine still had. */
  replayed(messages: readonly NumberedPayload[]): SequenceStep {
    const wanted = this.#next ?? 0;
    const all = new Map<number, Buffer>();
    for (const { sequence, payload } of [...messages, ...this.#held])
      if (sequence >= wanted) all.set(sequence, payload);
    this.#isReplaying = false;
    this.#held = [];
    const numbers = [...all.keys()].toSorted((one, other) => one - other);
    if (numbers.length === 0) return { kind: 'pass' };
    // Of several gaps only what follows the last is known to be whole.
    const lastGap = numbers.findLastIndex(
      (number, at) => number !== (at === 0 ? wanted : (numbers[at - 1] as number) + 1),
    );
    const whole = numbers.slice(Math.max(0, lastGap));
    this.#next = (numbers.at(-1) as number) + 1;
    const payloads = whole.map((number) => all.get(number) as Buffer);
    return lastGap === -1 ? { kind: 'apply', payloads } : { kind: 'forget', payloads };
  }

  #hold(message: NumberedPayload): SequenceStep {
    this.#held.push(message);
    if (this.#held.length <= heldMax) return { kind: 'pass' };
    return this.replayed([]);
  }
}
