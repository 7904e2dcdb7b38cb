import { type PrefixHasherOptions, resolveHasherOptions } from '../options.ts';

/** The blocks of a prompt, each named by a 64-bit hash of everything from the prompt's start to the block's end. */
export interface PrefixChain {
  /** Two words a block: the low and the high half of its hash. */
  readonly words: Uint32Array;
  readonly blockCount: number;
}

/**
 * Hashes prompts block by block.
 *
 * Hot path: once a request. No allocation but the result's three fields; the words are overwritten by the next call.
 */
export class PrefixHasher {
  readonly blockBytes: number;
  readonly #blocksMax: number;
  readonly #seed: number;
  readonly #words: Uint32Array;
  /** The block being hashed, as bytes and as words: copying it is cheaper than putting words together from bytes. */
  readonly #block: Uint32Array;
  readonly #blockAsBytes: Uint8Array;

  constructor(options: PrefixHasherOptions = {}) {
    const { blockBytes, blocksMax, seed } = resolveHasherOptions(options);
    this.blockBytes = blockBytes;
    this.#blocksMax = blocksMax;
    this.#seed = seed;
    this.#words = new Uint32Array(2 * blocksMax);
    this.#block = new Uint32Array(blockBytes / 4);
    this.#blockAsBytes = new Uint8Array(this.#block.buffer);
  }

  /** Chains of prompts with different salts (a model, a tenant that is kept apart) have nothing in common. */
  hash(prompt: Uint8Array, salt = 0): PrefixChain {
    const blockCount = Math.min(Math.floor(prompt.length / this.blockBytes), this.#blocksMax);
    let low = mix(this.#seed ^ salt);
    let high = mix(low + 0x9e3779b9);
    const block = this.#block;
    for (let index = 0; index < blockCount; index++) {
      const start = index * this.blockBytes;
      this.#blockAsBytes.set(prompt.subarray(start, start + this.blockBytes));
      for (let at = 0; at < block.length; at += 2) {
        low = Math.imul(low ^ (block[at] as number), 0x2c1b3c6d);
        high = Math.imul(high ^ (block[at + 1] as number), 0x297a2d39);
        low = (((low << 13) | (low >>> 19)) + high) | 0;
        high = ((high << 17) | (high >>> 15)) ^ low;
      }
      // Each half is made of both, so that neither alone decides which bucket and which way.
      low = mix(low + Math.imul(high, 0x85157af5));
      high = mix(high ^ low);
      this.#words[2 * index] = low;
      this.#words[2 * index + 1] = high;
    }
    return { words: this.#words, blockCount };
  }
}

/** Spreads every bit of a word over all of it; one to one. */
export function mix(word: number): number {
  let mixed = word | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 17), 0xed5ad4bb | 0);
  mixed = Math.imul(mixed ^ (mixed >>> 11), 0xac4c1b51 | 0);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x31848bab);
  return mixed ^ (mixed >>> 14);
}
