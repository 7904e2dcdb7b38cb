/** A replica's KV cache: so many blocks, the least recently used go first. */
export class BlockCache {
  readonly #blocksMax: number;
  /** In the order of use, the oldest first. */
  readonly #blocks = new Set<number>();

  constructor(blocksMax: number) {
    this.#blocksMax = blocksMax;
  }

  /** Computes a prompt, keeps its blocks, and tells how many from its start were there already. */
  use(blocks: readonly number[]): number {
    const missing = blocks.findIndex((block) => !this.#blocks.has(block));
    const cached = missing === -1 ? blocks.length : missing;
    // The last block first: engines let go of a prompt from its end.
    for (const block of blocks.toReversed()) {
      this.#blocks.delete(block);
      this.#blocks.add(block);
    }
    for (const oldest of this.#blocks) {
      if (this.#blocks.size <= this.#blocksMax) break;
      this.#blocks.delete(oldest);
    }
    return cached;
  }
}
