// Hot path: `match` and `speculate` once a request, `confirm` once an answer. No allocation, no await.
import { assert, type Clock } from '@millrace/stdx';
import {
  bounded,
  ledgerBounds,
  type PrefixLedgerOptions,
  resolveLedgerOptions,
} from '../options.ts';
import {
  allocateLedger,
  handByte,
  headerAt,
  keyWord,
  type LedgerMemory,
  openLedger,
  stampRow,
  visitedByte,
  waysPerBucket,
} from './ledger-memory.ts';
import type { PrefixChain } from './prefix-hasher.ts';
import { UseAccount } from './use-account.ts';

/** Low halves of a key that are none: an entry without a block, and one that a thread is filling. */
const emptyKey = 0;
const busyKey = 1;
const none = -1;

// A stamp is 16 bits: 0 is not held; with the top bit set it is the tick of a dispatch that nothing has confirmed;
// else it is one more than the endpoint's epoch at which the block was last used there.
const speculativeBit = 0x8000;
const tickMask = 0x7fff;
const tickMs = 64;

/** What has happened to a ledger since it was made. */
export interface LedgerCounts {
  readonly entryCount: number;
  readonly inserted: number;
  readonly evicted: number;
  /** Updates given up because another thread held the entry. */
  readonly lost: number;
}

/**
 * Which endpoint holds which prompt blocks, in shared memory of fixed size.
 *
 * Any number of threads may read and write at once. What they lose to each other is a hit, or for a moment a hint
 * too many: never more, for an answer does not depend on the ledger.
 */
export class PrefixLedger {
  readonly #memory: LedgerMemory;
  readonly #clock: Clock;
  readonly #lifeTicks: number;
  readonly #uses: UseAccount;
  readonly #alive: Int32Array;
  /** All of them. */
  readonly #endpoints: Int32Array;

  private constructor(memory: LedgerMemory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
    this.#uses = new UseAccount(memory);
    this.#lifeTicks = Math.ceil((memory.header[headerAt.speculativeMs] as number) / tickMs);
    this.#alive = new Int32Array(memory.endpointsMax);
    this.#endpoints = Int32Array.from(this.#alive, (_, endpoint) => endpoint);
  }

  /** Takes the memory; other threads `open` its `buffer`. */
  static create(clock: Clock, options: PrefixLedgerOptions = {}): PrefixLedger {
    return new PrefixLedger(allocateLedger(resolveLedgerOptions(options)), clock);
  }

  /** The ledger of another thread, whose clock tells the same `unixMs`. */
  static open(buffer: SharedArrayBuffer, clock: Clock): PrefixLedger {
    return new PrefixLedger(openLedger(buffer), clock);
  }

  get buffer(): SharedArrayBuffer {
    return this.#memory.buffer;
  }

  get endpointsMax(): number {
    return this.#memory.endpointsMax;
  }

  /**
   * Writes for each endpoint how many blocks from the start it holds, and returns the most.
   * Engines let go of a prompt from its end: where a block is held those before it are, and are not looked at.
   * Only these endpoints are looked at; absent: all.
   */
  match(
    chain: PrefixChain,
    matchedBlocks: Int32Array,
    endpoints: Int32Array = this.#endpoints,
  ): number {
    const alive = this.#alive;
    const tick = this.#tick();
    let aliveCount = endpoints.length;
    for (let at = 0; at < aliveCount; at++) {
      const endpoint = endpoints[at] as number;
      alive[at] = endpoint;
      matchedBlocks[endpoint] = 0;
    }
    // Of the blocks before `held` all that are alive hold each; `leap` doubles as long as they hold what it leads to.
    let [held, leap] = [0, 1];
    while (held < chain.blockCount) {
      const block = Math.min(held + leap, chain.blockCount) - 1;
      const entry = this.#find(chain, block);
      const row = entry === none ? none : stampRow(this.#memory, entry);
      if (this.#allHold(row, aliveCount, tick)) {
        held = block + 1;
        leap *= 2;
        continue;
      }
      leap = (block - held + 1) >>> 1;
      if (leap > 0) continue;
      const before = aliveCount;
      aliveCount = this.#thoseThatHold(row, before, tick);
      for (let at = aliveCount; at < before; at++) matchedBlocks[alive[at] as number] = held;
      if (aliveCount === 0) return held;
      held++;
      leap = 1;
    }
    for (let at = 0; at < aliveCount; at++) matchedBlocks[alive[at] as number] = held;
    return held;
  }

  /** A request goes by what was matched: what has been asked for again outlives what has not. `speculate` does it too. */
  noteUsed(chain: PrefixChain): void {
    for (let block = 0; block < chain.blockCount; block++) {
      const entry = this.#find(chain, block);
      if (entry !== none) this.#markVisited(entry);
    }
  }

  /** A request goes to the endpoint: its blocks will be there soon, unless nothing confirms it. */
  speculate(chain: PrefixChain, endpoint: number): void {
    this.#checkEndpoint(endpoint);
    const tick = this.#tick();
    const stamp = speculativeBit | (tick & tickMask);
    for (let block = 0; block < chain.blockCount; block++) {
      const known = this.#find(chain, block);
      if (known !== none) this.#markVisited(known);
      const entry = known === none ? this.#insert(chain, block) : known;
      if (entry === none) continue;
      const found = this.#memory.stamps[stampRow(this.#memory, entry) + endpoint] as number;
      const isConfirmed = found !== 0 && (found & speculativeBit) === 0;
      if (isConfirmed && this.#isHeld(found, endpoint, tick)) continue;
      this.#stamp(entry, { chain, block, endpoint, stamp });
    }
  }

  /** The endpoint has computed the prompt, of which it had `cachedBlocks` already. */
  confirm(chain: PrefixChain, endpoint: number, cachedBlocks: number): void {
    this.#checkEndpoint(endpoint);
    this.#uses.advance(endpoint, Math.max(0, chain.blockCount - cachedBlocks));
    const epoch = this.#uses.epochOf(endpoint);
    const stamp = epoch + 1;
    for (let block = 0; block < chain.blockCount; block++) {
      const entry = this.#findOrInsert(chain, block);
      if (entry === none) continue;
      // Used in this epoch already: what was to be written stands there, and a store that all threads see is dear.
      if (this.#memory.stamps[stampRow(this.#memory, entry) + endpoint] === stamp) continue;
      this.#uses.move(endpoint, this.#usedAt(entry, endpoint), epoch);
      this.#stamp(entry, { chain, block, endpoint, stamp });
    }
    this.#uses.letGo(endpoint);
  }

  /** The endpoint does not hold the blocks from `fromBlock` on: it said so, or the dispatch failed. */
  remove(chain: PrefixChain, endpoint: number, fromBlock: number): void {
    this.#checkEndpoint(endpoint);
    for (let block = fromBlock; block < chain.blockCount; block++) {
      const entry = this.#find(chain, block);
      if (entry === none) continue;
      const usedAt = this.#usedAt(entry, endpoint);
      if (usedAt !== undefined) this.#uses.drop(endpoint, usedAt);
      Atomics.store(this.#memory.stamps, stampRow(this.#memory, entry) + endpoint, 0);
    }
  }

  /** The endpoint holds nothing: it was restarted, or its index goes to another. Takes constant time. */
  forgetEndpoint(endpoint: number): void {
    this.#checkEndpoint(endpoint);
    this.#uses.forget(endpoint);
    Atomics.store(this.#memory.forgottenTicks, endpoint, (this.#tick() + 1) | 0);
  }

  /**
   * Tells how many blocks the endpoint's cache has room for, or, absent, that nobody knows; what it was thought to hold is
   * forgotten.
   */
  setCapacity(
    endpoint: number,
    capacityBlocks: number = ledgerBounds.capacityBlocks.byDefault,
  ): void {
    bounded('capacityBlocks', capacityBlocks, ledgerBounds.capacityBlocks);
    this.forgetEndpoint(endpoint);
    this.#uses.setCapacity(endpoint, capacityBlocks);
  }

  /** Clears outlived stamps in the next `entriesMax` entries, so that none becomes young again when counters turn. */
  sweep(entriesMax: number): void {
    const { header, endpointsMax, bucketCount, stamps } = this.#memory;
    const entryCount = bucketCount * waysPerBucket;
    const count = Math.min(entriesMax, entryCount);
    const start = Atomics.add(header, headerAt.sweepHand, count) >>> 0;
    const tick = this.#tick();
    for (let step = 0; step < count; step++) {
      const row = stampRow(this.#memory, (start + step) % entryCount);
      for (let endpoint = 0; endpoint < endpointsMax; endpoint++) {
        const stamp = stamps[row + endpoint] as number;
        if (stamp !== 0 && !this.#isHeld(stamp, endpoint, tick)) {
          Atomics.compareExchange(stamps, row + endpoint, stamp, 0);
        }
      }
    }
  }

  counts(): LedgerCounts {
    const { header, bucketCount } = this.#memory;
    return {
      entryCount: bucketCount * waysPerBucket,
      inserted: (header[headerAt.inserted] as number) >>> 0,
      evicted: (header[headerAt.evicted] as number) >>> 0,
      lost: (header[headerAt.lost] as number) >>> 0,
    };
  }

  /** Whether all that are alive hold the block of the row; none does where it has no row. */
  #allHold(row: number, aliveCount: number, tick: number): boolean {
    if (row === none) return false;
    const { stamps } = this.#memory;
    for (let at = 0; at < aliveCount; at++) {
      const endpoint = this.#alive[at] as number;
      if (!this.#isHeld(stamps[row + endpoint] as number, endpoint, tick)) return false;
    }
    return true;
  }

  /** Puts those that hold the block of the row before those that do not, and tells how many they are. */
  #thoseThatHold(row: number, aliveCount: number, tick: number): number {
    if (row === none) return 0;
    const { stamps } = this.#memory;
    const alive = this.#alive;
    let count = 0;
    for (let at = 0; at < aliveCount; at++) {
      const endpoint = alive[at] as number;
      if (!this.#isHeld(stamps[row + endpoint] as number, endpoint, tick)) continue;
      alive[at] = alive[count] as number;
      alive[count++] = endpoint;
    }
    return count;
  }

  #markVisited(entry: number): void {
    const { bytes } = this.#memory;
    const visited = visitedByte(this.#memory, entry);
    if (bytes[visited] === 0) bytes[visited] = 1;
  }

  #find(chain: PrefixChain, block: number): number {
    const { keys, bucketCount } = this.#memory;
    const low = lowHalf(chain, block);
    const high = highHalf(chain, block);
    const first = (low & (bucketCount - 1)) * waysPerBucket;
    const word = keyWord(this.#memory, first);
    for (let way = 0; way < waysPerBucket; way++) {
      if (keys[word + 2 * way] === low && keys[word + 2 * way + 1] === high) return first + way;
    }
    return none;
  }

  #findOrInsert(chain: PrefixChain, block: number): number {
    const found = this.#find(chain, block);
    return found === none ? this.#insert(chain, block) : found;
  }

  #insert(chain: PrefixChain, block: number): number {
    const memory = this.#memory;
    const low = lowHalf(chain, block);
    const entry = this.#takeEntry(low);
    if (entry === none) {
      Atomics.add(memory.header, headerAt.lost, 1);
      return none;
    }
    const row = stampRow(memory, entry);
    memory.stamps.fill(0, row, row + memory.endpointsMax);
    const word = keyWord(memory, entry);
    Atomics.store(memory.keys, word + 1, highHalf(chain, block));
    // Only a later request makes it used: what is asked for once must not push out what is asked for again.
    memory.bytes[visitedByte(memory, entry)] = 0;
    Atomics.store(memory.keys, word, low);
    Atomics.add(memory.header, headerAt.inserted, 1);
    return entry;
  }

  /** An empty entry of the bucket, or the first that the clock hand finds unused since it last came by; marked busy. */
  #takeEntry(low: number): number {
    const memory = this.#memory;
    const { keys, bytes } = memory;
    const bucket = low & (memory.bucketCount - 1);
    const first = bucket * waysPerBucket;
    const word = keyWord(memory, first);
    for (let way = 0; way < waysPerBucket; way++) {
      if (Atomics.compareExchange(keys, word + 2 * way, emptyKey, busyKey) === emptyKey)
        return first + way;
    }
    const hand = handByte(memory, bucket);
    for (let step = 0; step <= 2 * waysPerBucket; step++) {
      const way = bytes[hand] as number;
      bytes[hand] = (way + 1) % waysPerBucket;
      const visited = visitedByte(memory, first + way);
      if (bytes[visited] !== 0) {
        bytes[visited] = 0;
        continue;
      }
      const at = word + 2 * way;
      const key = keys[at] as number;
      if (key === busyKey || Atomics.compareExchange(keys, at, key, busyKey) !== key) continue;
      Atomics.add(memory.header, headerAt.evicted, 1);
      return first + way;
    }
    return none;
  }

  #stamp(
    entry: number,
    mark: {
      readonly chain: PrefixChain;
      readonly block: number;
      readonly endpoint: number;
      readonly stamp: number;
    },
  ): void {
    const { keys, stamps } = this.#memory;
    const at = stampRow(this.#memory, entry) + mark.endpoint;
    const word = keyWord(this.#memory, entry);
    Atomics.store(stamps, at, mark.stamp);
    // Another thread may have given the entry to another block in between.
    const isStill =
      Atomics.load(keys, word) === lowHalf(mark.chain, mark.block) &&
      Atomics.load(keys, word + 1) === highHalf(mark.chain, mark.block);
    if (!isStill) Atomics.compareExchange(stamps, at, mark.stamp, 0);
  }

  /** The epoch in which the endpoint last used a block that it still has; `undefined` where that is not certain. */
  #usedAt(entry: number, endpoint: number): number | undefined {
    const stamp = this.#memory.stamps[stampRow(this.#memory, entry) + endpoint] as number;
    if (stamp === 0 || (stamp & speculativeBit) !== 0) return undefined;
    return this.#uses.isKept(stamp - 1, endpoint) ? stamp - 1 : undefined;
  }

  #isHeld(stamp: number, endpoint: number, tick: number): boolean {
    if (stamp === 0) return false;
    if ((stamp & speculativeBit) === 0) return this.#uses.isKept(stamp - 1, endpoint);
    const ageTicks = (tick - stamp) & tickMask;
    if (ageTicks > this.#lifeTicks) return false;
    const forgotten = this.#memory.forgottenTicks[endpoint] as number;
    return forgotten === 0 || ageTicks <= ((tick - forgotten) | 0);
  }

  #tick(): number {
    // Wall time: the monotonic clocks of two threads do not start together.
    return Math.floor(this.#clock.unixMs() / tickMs) | 0;
  }

  #checkEndpoint(endpoint: number): void {
    // The message is put together only where it is needed: it costs more than all else here.
    if (!(Number.isInteger(endpoint) && endpoint >= 0 && endpoint < this.endpointsMax))
      assert(false, `endpoint ${endpoint} of a ledger for ${this.endpointsMax}`);
  }
}

/** The low half of a block's hash as a key: never one of the two values that mark an entry. */
function lowHalf(chain: PrefixChain, block: number): number {
  const low = (chain.words[chain.first + 2 * block] as number) | 0;
  return low === emptyKey || low === busyKey ? low + 2 : low;
}

function highHalf(chain: PrefixChain, block: number): number {
  return (chain.words[chain.first + 2 * block + 1] as number) | 0;
}
