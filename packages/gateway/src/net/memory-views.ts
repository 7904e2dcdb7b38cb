// Hot path: `of` once a piece of every answer, and once for what is written of it.

/** So many views are kept: of ends that differ in their last bits, as those of the events of streams do. */
const viewCount = 64;
const endMask = viewCount - 1;

/** Memory that is used again and again, and views of parts of it: to make one costs more than to copy an event. */
export class MemoryViews {
  readonly memory: Buffer;
  /** By their ends' last bits: the view that was made last, and where it begins. */
  readonly #views: Buffer[];
  readonly #starts: Int32Array = new Int32Array(viewCount);

  constructor(byteCount: number) {
    this.memory = Buffer.allocUnsafeSlow(byteCount);
    const none = this.memory.subarray(0, 0);
    this.#views = Array.from({ length: viewCount }, () => none);
  }

  /** A view of the bytes from `start` to `end`; another that asks for them is given the same. */
  of(start: number, end: number): Buffer {
    const slot = end & endMask;
    const known = this.#views[slot] as Buffer;
    if (this.#starts[slot] === start && known.length === end - start) return known;
    const view = this.memory.subarray(start, end);
    this.#views[slot] = view;
    this.#starts[slot] = start;
    return view;
  }
}
