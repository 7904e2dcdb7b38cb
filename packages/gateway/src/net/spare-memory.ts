import { assert } from '@millrace/stdx';

/** Bodies from here on get memory that goes from one to the next; shorter ones are cheaper made anew. */
export const lentBytesMin: number = 32 * 1024;
/** A body that may be longer gets its own memory. */
export const lentBytesMax: number = 1024 * 1024;

/** Memory that is used again, once nobody reads it. */
export class LentMemory extends ArrayBuffer {
  #readers = 0;

  /** Whether somebody is still to read it: what stands in it must stay. */
  get isRead(): boolean {
    return this.#readers > 0;
  }

  /** Says that what stands in it must stay until `letGo`. */
  hold(): void {
    this.#readers++;
  }

  letGo(): void {
    this.#readers--;
    assert(this.#readers >= 0, 'memory is let go as often as it is held');
  }
}

/**
 * Memory for long bodies, lent to one after another. Fresh memory for each costs more than filling it does: the kernel
 * finds and clears its pages, and the old heap is collected the oftener the more memory objects outside it hold.
 */
export class SpareMemory {
  readonly #bytesMax: number;
  /** Those that nobody has, by size: each list has twice the size of the one before it. */
  readonly #bySize: LentMemory[][] = [];
  #bytesKept = 0;

  /** Of memory that nobody has, so much is kept; the rest is the collector's. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    for (let size = lentBytesMin; size <= lentBytesMax; size *= 2) this.#bySize.push([]);
  }

  get bytesKept(): number {
    return this.#bytesKept;
  }

  /** Memory for at least so many bytes, at most `lentBytesMax`. What stands in it is of no meaning. */
  lend(byteCount: number): LentMemory {
    assert(byteCount <= lentBytesMax, 'more has its own memory');
    const index = indexFor(byteCount);
    const spare = this.#bySize[index]?.pop();
    if (spare === undefined) return new LentMemory(lentBytesMin * 2 ** index);
    this.#bytesKept -= spare.byteLength;
    return spare;
  }

  /** Takes memory back whose borrower is done with it; what others still read is left to the collector. */
  takeBack(memory: LentMemory): void {
    if (memory.isRead || this.#bytesKept + memory.byteLength > this.#bytesMax) return;
    this.#bySize[indexFor(memory.byteLength)]?.push(memory);
    this.#bytesKept += memory.byteLength;
  }
}

/** Of the sizes, the first that has room for so many bytes. */
function indexFor(byteCount: number): number {
  let index = 0;
  for (let size = lentBytesMin; size < byteCount; size *= 2) index++;
  return index;
}
