// Hot path: `isKept` once a block and endpoint of a match; the rest once a block of an answer. No allocation, no await.
import { blocksPerEpoch, epochsCounted, epochsKept, type LedgerMemory } from './ledger-memory.ts';

/** Epochs go from 0 to one below this, and then begin again. */
const epochTurn = 0x7fff;
/** Epochs that a thread may be late by when it advances an endpoint's. */
const lateEpochsMax = 64;

/**
 * How long endpoints keep what they have: a cache that lets the least recently used go first holds the blocks that were
 * used last, as many different ones as it has room for.
 *
 * Time is told in epochs, of which a cache's room is 256: an epoch is over when so many blocks have been inserted. For
 * each epoch it is counted how many blocks were last used in it; where all together are more than there is room for, those
 * of the oldest epochs have gone. A block that was used again moves to the latest epoch, so that what was used before it
 * comes nearer to its end by it: a count of insertions alone would not tell. Of threads that count at once one may count
 * wrong by a block; that ends with the epoch.
 */
export class UseAccount {
  readonly #memory: LedgerMemory;
  readonly #epochs: Int32Array;
  readonly #oldestEpochs: Int32Array;

  constructor(memory: LedgerMemory) {
    this.#memory = memory;
    this.#epochs = memory.epochs;
    this.#oldestEpochs = memory.oldestEpochs;
  }

  /** The epoch in which the endpoint is. */
  epochOf(endpoint: number): number {
    return this.#epochs[endpoint] as number;
  }

  /** Whether the endpoint still has what it last used in that epoch. */
  isKept(epoch: number, endpoint: number): boolean {
    const latest = this.#epochs[endpoint] as number;
    const oldest = this.#oldestEpochs[endpoint] as number;
    return epochsBetween(epoch, latest) <= epochsBetween(oldest, latest);
  }

  /** A block that was last used in `from` (undefined: that was not there) is used in the epoch `to`. */
  move(endpoint: number, from: number | undefined, to: number): void {
    if (from === to) return;
    if (from !== undefined) this.#count(endpoint, from, -1);
    this.#count(endpoint, to, 1);
  }

  /** A block that was last used in that epoch is there no more. */
  drop(endpoint: number, epoch: number): void {
    this.#count(endpoint, epoch, -1);
  }

  /** The endpoint has inserted so many blocks. */
  advance(endpoint: number, blocks: number): void {
    if (blocks === 0) return;
    const { insertedBlocks, blocksPerEpoch: perEpoch } = this.#memory;
    const before = Atomics.add(insertedBlocks, endpoint, blocks);
    const inserted = (before + blocks) >>> 0;
    const epoch = Math.floor(inserted / (perEpoch[endpoint] as number)) % epochTurn;
    // A thread that is late must not turn back what another has advanced: blocks of that epoch would seem ages old.
    for (;;) {
      const found = Atomics.load(this.#epochs, endpoint);
      if (epochsBetween(epoch, found) < lateEpochsMax) return;
      if (Atomics.compareExchange(this.#epochs, endpoint, found, epoch) === found) break;
    }
    this.letGo(endpoint);
  }

  /** Lets the oldest epochs go, as far as there is no room for their blocks. */
  letGo(endpoint: number): void {
    const { capacityBlocks, counts, heldBlocks } = this.#memory;
    for (;;) {
      const oldest = this.#oldestEpochs[endpoint] as number;
      const kept = epochsBetween(oldest, this.#epochs[endpoint] as number);
      const isRoom = (heldBlocks[endpoint] as number) <= (capacityBlocks[endpoint] as number);
      if (kept === 0 || (kept <= epochsKept && isRoom)) return;
      const next = (oldest + 1) % epochTurn;
      if (Atomics.compareExchange(this.#oldestEpochs, endpoint, oldest, next) !== oldest) continue;
      const gone = Atomics.exchange(counts, countWord(endpoint, oldest), 0);
      Atomics.sub(heldBlocks, endpoint, gone);
    }
  }

  /** The endpoint has nothing. Takes constant time. */
  forget(endpoint: number): void {
    const { blocksPerEpoch: perEpoch, counts, heldBlocks } = this.#memory;
    this.advance(endpoint, (epochsKept + 1) * (perEpoch[endpoint] as number));
    Atomics.store(this.#oldestEpochs, endpoint, this.epochOf(endpoint));
    counts.fill(0, countWord(endpoint, 0), countWord(endpoint, 0) + epochsCounted);
    Atomics.store(heldBlocks, endpoint, 0);
  }

  /** The endpoint has nothing, and room for so many blocks. */
  setCapacity(endpoint: number, capacityBlocks: number): void {
    this.forget(endpoint);
    const memory = this.#memory;
    const perEpoch = blocksPerEpoch(capacityBlocks);
    Atomics.store(memory.blocksPerEpoch, endpoint, perEpoch);
    Atomics.store(memory.capacityBlocks, endpoint, capacityBlocks);
    Atomics.store(memory.insertedBlocks, endpoint, this.epochOf(endpoint) * perEpoch);
  }

  #count(endpoint: number, epoch: number, delta: number): void {
    Atomics.add(this.#memory.counts, countWord(endpoint, epoch), delta);
    Atomics.add(this.#memory.heldBlocks, endpoint, delta);
  }
}

function epochsBetween(earlier: number, later: number): number {
  const epochs = later - earlier;
  return epochs < 0 ? epochs + epochTurn : epochs;
}

function countWord(endpoint: number, epoch: number): number {
  return endpoint * epochsCounted + (epoch & (epochsCounted - 1));
}
