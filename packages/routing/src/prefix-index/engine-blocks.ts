import type { PrefixChain } from './prefix-hasher.ts';
import type { PrefixLedger } from './prefix-ledger.ts';
import { type BlockKey, keyAfter, rootKey } from './token-chain.ts';

/** How an engine names a block; equal names are equal keys of a map. */
export type EngineBlockName = number | bigint | string;

/** Blocks that an engine says it has stored, one after the other. */
export interface StoredBlocks {
  readonly blocks: readonly EngineBlockName[];
  /** The block before the first; `undefined` at a prompt's start. */
  readonly parent: EngineBlockName | undefined;
  readonly tokenIds: Int32Array;
  readonly blockSize: number;
  /** Where they are kept: a block is held as long as any medium holds it. */
  readonly medium: string;
  readonly salt: number;
}

interface HeldBlock {
  readonly key: BlockKey;
  readonly media: Set<string>;
}

/** What there was to say about an engine's words. */
export interface EngineBlockCounts {
  readonly held: number;
  /** Blocks whose parent is not known, so that they cannot be placed. */
  readonly orphans: number;
  /** Blocks beyond the bound. */
  readonly refused: number;
}

/**
 * What one engine's cache holds, by its own words, written to a ledger that goes by tokens. The engine's own hashes
 * depend on its seed and version; blocks are named anew from their tokens, so that all engines' agree.
 */
export class EngineBlocks {
  readonly #ledger: PrefixLedger;
  readonly #endpoint: number;
  readonly #blocksMax: number;
  readonly #held = new Map<EngineBlockName, HeldBlock>();
  #orphans = 0;
  #refused = 0;

  /** `ledger` is one that only engines' events write to: in it a block is held until it is removed. */
  constructor(ledger: PrefixLedger, endpoint: number, blocksMax: number) {
    this.#ledger = ledger;
    this.#endpoint = endpoint;
    this.#blocksMax = blocksMax;
    ledger.forgetEndpoint(endpoint);
  }

  get counts(): EngineBlockCounts {
    return { held: this.#held.size, orphans: this.#orphans, refused: this.#refused };
  }

  store(stored: StoredBlocks): void {
    const { blocks, parent, tokenIds, blockSize, medium, salt } = stored;
    let key = parent === undefined ? rootKey(salt) : this.#held.get(parent)?.key;
    if (key === undefined) {
      this.#orphans += blocks.length;
      return;
    }
    for (const [at, name] of blocks.entries()) {
      key = keyAfter(key, tokenIds.subarray(at * blockSize, (at + 1) * blockSize));
      const known = this.#held.get(name);
      if (known === undefined && this.#held.size >= this.#blocksMax) {
        this.#refused += blocks.length - at;
        return;
      }
      if (known === undefined) this.#held.set(name, { key, media: new Set([medium]) });
      else known.media.add(medium);
      this.#ledger.confirm(chainOf(key), this.#endpoint, 1);
    }
  }

  remove(blocks: readonly EngineBlockName[], medium: string): void {
    for (const name of blocks) {
      const known = this.#held.get(name);
      if (known === undefined) continue;
      known.media.delete(medium);
      if (known.media.size > 0) continue;
      this.#held.delete(name);
      this.#ledger.remove(chainOf(known.key), this.#endpoint, 0);
    }
  }

  /** The engine emptied its cache, or what it holds is no longer known. */
  clear(): void {
    // One by one: epochs turn over, and what was cleared long ago would be held again.
    for (const { key } of this.#held.values()) this.#ledger.remove(chainOf(key), this.#endpoint, 0);
    this.#held.clear();
  }
}

function chainOf(key: BlockKey): PrefixChain {
  return { words: Uint32Array.of(key.low, key.high), first: 0, blockCount: 1 };
}
