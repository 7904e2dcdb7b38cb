// Hot path: twice a body. Two additions.
import { assert } from '@millrace/stdx';

/** Memory that the bodies of all requests may have together. */
export class BodyRoom {
  readonly bytesMax: number;
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
