// Hot path: twice a body. Two additions.
import { assert } from '@millrace/stdx';
import { SpareMemory } from '../net/spare-memory.ts';

/** Memory of bodies that is kept for the next ones, at most; as much again as some dozen long ones have. */
const spareBytesMax = 16 * 2 ** 20;

/** Memory that the bodies of all requests may have together. */
export class BodyRoom {
  readonly bytesMax: number;
  /** What bodies had before, for the next ones. It does not count: nobody's request waits for it. */
  readonly spare: SpareMemory = new SpareMemory(spareBytesMax);
  #bytesHeld = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytesHeld(): number {
    return this.#bytesHeld;
  }

  /** Takes so many bytes, or says that there is no room for them. */
  take(byteCount: number): boolean {
    if (this.#bytesHeld + byteCount > this.bytesMax) return false;
    this.#bytesHeld += byteCount;
    return true;
  }

  free(byteCount: number): void {
    this.#bytesHeld -= byteCount;
    assert(this.#bytesHeld >= 0, 'no more is given back than was taken');
  }
}
