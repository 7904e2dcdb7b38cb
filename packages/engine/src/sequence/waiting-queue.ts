import { assert } from '@millrace/stdx';
import type { Sequence } from './sequence.ts';

/**
 * Sequences that wait for a slot: most urgent first, and first come first served among equals. A sequence
 * gains one step of priority for every `agingMs` it waits, so that nobody starves. Because all age alike, the
 * order of two sequences never changes: their rank is fixed when they arrive.
 */
export class WaitingQueue {
  readonly #agingMs: number;
  readonly #sequences: Sequence[] = [];
  #tokens = 0;

  constructor(agingMs: number) {
    this.#agingMs = agingMs;
  }

  get size(): number {
    return this.#sequences.length;
  }

  /** Tokens that the waiting sequences will have to compute before their first output. */
  get tokens(): number {
    return this.#tokens;
  }

  /** In the order in which they will be served. */
  [Symbol.iterator](): Iterator<Sequence> {
    return this.#sequences[Symbol.iterator]();
  }

  add(sequence: Sequence): void {
    assert(sequence.phase === 'waiting', 'only what waits is queued');
    this.#sequences.splice(this.#positionOf(sequence), 0, sequence);
    this.#tokens += sequence.length;
  }

  /** Takes `sequence` out; false when it does not wait here. */
  remove(sequence: Sequence): boolean {
    const at = this.#sequences.indexOf(sequence, 0);
    if (at < 0) return false;
    this.#sequences.splice(at, 1);
    this.#tokens -= sequence.length;
    return true;
  }

  /** The place before the first sequence that ranks behind; equal ranks keep the order of their ids. */
  #positionOf(sequence: Sequence): number {
    let low = 0;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isBefore(this.#sequences[middle] as Sequence, sequence)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #isBefore(one: Sequence, other: Sequence): boolean {
    const difference = this.#rank(one) - this.#rank(other);
    return difference === 0 ? one.id < other.id : difference < 0;
  }

  #rank(sequence: Sequence): number {
    return sequence.arrivedAtMs + sequence.priority * this.#agingMs;
  }
}
