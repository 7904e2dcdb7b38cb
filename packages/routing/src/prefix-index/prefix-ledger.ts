// Hot path: `match` and `speculate` once a request, `confirm` once an answer. No allocation, no await.
import { assert, type Clock } from '@millrace/stdx';
import { type PrefixLedgerOptions, resolveLedgerOptions } from '../options.ts';
import {
  allocateLedger,
  blocksPerEpoch,
  endpointAt,
  endpointWord,
  epochsKept,
  headerAt,
  type LedgerMemory,
  openLedger,
  waysPerBucket,
} from './ledger-memory.ts';
import type { PrefixChain } from './prefix-hasher.ts';

/** Low halves of a key that are none: an entry without a block, and one that a thread is filling. */
const emptyKey = 0;
const busyKey = 1;
const none = -1;
/** Blocks looked up before their stamps are read: lookups do not wait for each other's memory. */
const matchWindow = 16;

// A stamp is 16 bits: 0 is not held; with the top bit set it is the tick of a dispatch that nothing has confirmed;
// else it is one more than the endpoint's epoch at which the block was last used there.
const speculativeBit = 0x8000;
const tickMask = 0x7fff;
const epochTurn = 0x7fff;
/** Epochs that a thread may be late by when it advances an endpoint's. */
const lateEpochsMax = 64;
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
  readonly #alive: Int32Array;
  readonly #entries = new Int32Array(matchWindow);

  private constructor(memory: LedgerMemory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
    this.#lifeTicks = Math.ceil((memory.header[headerAt.speculativeMs] as number) / tickMs);
    this.#alive = new Int32Array(memory.endpointsMax);
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

  /** Writes for each endpoint how many blocks from the start it holds, and returns the most. */
  match(chain: PrefixChain, matchedBlocks: Int32Array): number {
    const { endpointsMax, stamps } = this.#memory;
    const alive = this.#alive;
    const tick = this.#tick();
    let aliveCount = Math.min(endpointsMax, matchedBlocks.length);
    matchedBlocks.fill(0);
    for (let endpoint = 0; endpoint < aliveCount; endpoint++) alive[endpoint] = endpoint;
    for (let from = 0; from < chain.blockCount; from += matchWindow) {
      const foundCount = this.#findRun(chain, from);
      for (let at = 0; at < foundCount; at++) {
        const row = (this.#entries[at] as number) * endpointsMax;
        let keptCount = 0;
        for (let kept = 0; kept < aliveCount; kept++) {
          const endpoint = alive[kept] as number;
          const stamp = stamps[row + endpoint] as number;
          if (stamp === 0 || !this.#isHeld(stamp, endpoint, tick)) continue;
          matchedBlocks[endpoint] = from + at + 1;
          alive[keptCount++] = endpoint;
        }
        if (keptCount === 0) return from + at;
        aliveCount = keptCount;
      }
      if (foundCount < matchWindow) return from + foundCount;
    }
    return chain.blockCount;
  }

  /** A request goes to the endpoint: its blocks will be there soon, unless nothing confirms it. */
  speculate(chain: PrefixChain, endpoint: number): void {
    this.#checkEndpoint(endpoint);
    const tick = this.#tick();
    const stamp = speculativeBit | (tick & tickMask);
    for (let block = 0; block < chain.blockCount; block++) {
      const entry = this.#findOrInsert(chain, block);
      if (entry === none) continue;
      const found = this.#memory.stamps[entry * this.endpointsMax + endpoint] as number;
      const isConfirmed = found !== 0 && (found & speculativeBit) === 0;
      if (isConfirmed && this.#isHeld(found, endpoint, tick)) continue;
      this.#stamp(entry, { chain, block, endpoint, stamp });
    }
  }

  /** The endpoint has computed the prompt, of which it had `cachedBlocks` already. */
  confirm(chain: PrefixChain, endpoint: number, cachedBlocks: number): void {
    this.#checkEndpoint(endpoint);
    this.#advance(endpoint, Math.max(0, chain.blockCount - cachedBlocks));
    const stamp = this.#epoch(endpoint) + 1;
    for (let block = 0; block < chain.blockCount; block++) {
      const entry = this.#findOrInsert(chain, block);
      if (entry !== none) this.#stamp(entry, { chain, block, endpoint, stamp });
    }
  }

  /** The endpoint does not hold the blocks from `fromBlock` on: it said so, or the dispatch failed. */
  remove(chain: PrefixChain, endpoint: number, fromBlock: number): void {
    this.#checkEndpoint(endpoint);
    for (let block = fromBlock; block < chain.blockCount; block++) {
      const entry = this.#find(chain, block);
      if (entry !== none)
        Atomics.store(this.#memory.stamps, entry * this.endpointsMax + endpoint, 0);
    }
  }

  /** The endpoint holds nothing: it was restarted, or its index goes to another. Takes constant time. */
  forgetEndpoint(endpoint: number): void {
    this.#checkEndpoint(endpoint);
    const { endpoints } = this.#memory;
    const word = endpointWord(endpoint);
    const perEpoch = endpoints[word + endpointAt.blocksPerEpoch] as number;
    // What was stamped in earlier epochs becomes as old as what was evicted long ago.
    this.#advance(endpoint, (epochsKept + 1) * perEpoch);
    Atomics.store(endpoints, word + endpointAt.forgottenTick, (this.#tick() + 1) | 0);
  }

  /** Tells how many blocks the endpoint's cache has room for; what it was thought to hold is forgotten. */
  setCapacity(endpoint: number, capacityBlocks: number): void {
    this.forgetEndpoint(endpoint);
    const word = endpointWord(endpoint);
    const epoch = this.#epoch(endpoint);
    const perEpoch = blocksPerEpoch(capacityBlocks);
    const { endpoints } = this.#memory;
    Atomics.store(endpoints, word + endpointAt.blocksPerEpoch, perEpoch);
    Atomics.store(endpoints, word + endpointAt.insertedBlocks, epoch * perEpoch);
  }

  /** Clears outlived stamps in the next `entriesMax` entries, so that none becomes young again when counters turn. */
  sweep(entriesMax: number): void {
    const { header, endpointsMax, bucketCount, stamps } = this.#memory;
    const entryCount = bucketCount * waysPerBucket;
    const count = Math.min(entriesMax, entryCount);
    const start = Atomics.add(header, headerAt.sweepHand, count) >>> 0;
    const tick = this.#tick();
    for (let step = 0; step < count; step++) {
      const row = ((start + step) % entryCount) * endpointsMax;
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

  /** Finds the entries of the next blocks, up to a window's end or the first that has none; counts them as used. */
  #findRun(chain: PrefixChain, from: number): number {
    const { visited } = this.#memory;
    const count = Math.min(matchWindow, chain.blockCount - from);
    for (let at = 0; at < count; at++) {
      const entry = this.#find(chain, from + at);
      if (entry === none) return at;
      if (visited[entry] === 0) visited[entry] = 1;
      this.#entries[at] = entry;
    }
    return count;
  }

  #find(chain: PrefixChain, block: number): number {
    const { keys, bucketCount } = this.#memory;
    const low = lowHalf(chain, block);
    const high = highHalf(chain, block);
    const first = (low & (bucketCount - 1)) * waysPerBucket;
    for (let entry = first; entry < first + waysPerBucket; entry++) {
      if (keys[2 * entry] === low && keys[2 * entry + 1] === high) return entry;
    }
    return none;
  }

  #findOrInsert(chain: PrefixChain, block: number): number {
    const found = this.#find(chain, block);
    if (found !== none) return found;
    const { keys, header, stamps, visited, endpointsMax } = this.#memory;
    const low = lowHalf(chain, block);
    const entry = this.#takeEntry(low);
    if (entry === none) {
      Atomics.add(header, headerAt.lost, 1);
      return none;
    }
    stamps.fill(0, entry * endpointsMax, (entry + 1) * endpointsMax);
    Atomics.store(keys, 2 * entry + 1, highHalf(chain, block));
    // Only a later match makes it used: what is asked for once must not push out what is asked for again.
    visited[entry] = 0;
    Atomics.store(keys, 2 * entry, low);
    Atomics.add(header, headerAt.inserted, 1);
    return entry;
  }

  /** An empty entry of the bucket, or the first that the clock hand finds unused since it last came by; marked busy. */
  #takeEntry(low: number): number {
    const { keys, header, visited, hands, bucketCount } = this.#memory;
    const bucket = low & (bucketCount - 1);
    const first = bucket * waysPerBucket;
    for (let entry = first; entry < first + waysPerBucket; entry++) {
      if (Atomics.compareExchange(keys, 2 * entry, emptyKey, busyKey) === emptyKey) return entry;
    }
    for (let step = 0; step <= 2 * waysPerBucket; step++) {
      const way = hands[bucket] as number;
      hands[bucket] = (way + 1) % waysPerBucket;
      const entry = first + way;
      if (visited[entry] !== 0) {
        visited[entry] = 0;
        continue;
      }
      const key = keys[2 * entry] as number;
      if (key === busyKey || Atomics.compareExchange(keys, 2 * entry, key, busyKey) !== key)
        continue;
      Atomics.add(header, headerAt.evicted, 1);
      return entry;
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
    const { keys, stamps, endpointsMax } = this.#memory;
    const at = entry * endpointsMax + mark.endpoint;
    Atomics.store(stamps, at, mark.stamp);
    // Another thread may have given the entry to another block in between.
    const isStill =
      Atomics.load(keys, 2 * entry) === lowHalf(mark.chain, mark.block) &&
      Atomics.load(keys, 2 * entry + 1) === highHalf(mark.chain, mark.block);
    if (!isStill) Atomics.compareExchange(stamps, at, mark.stamp, 0);
  }

  #isHeld(stamp: number, endpoint: number, tick: number): boolean {
    if ((stamp & speculativeBit) === 0) {
      const age = this.#epoch(endpoint) - (stamp - 1);
      return (age < 0 ? age + epochTurn : age) <= epochsKept;
    }
    const ageTicks = (tick - stamp) & tickMask;
    if (ageTicks > this.#lifeTicks) return false;
    const forgotten = this.#memory.endpoints[
      endpointWord(endpoint) + endpointAt.forgottenTick
    ] as number;
    return forgotten === 0 || ageTicks <= ((tick - forgotten) | 0);
  }

  #advance(endpoint: number, blocks: number): void {
    const { endpoints } = this.#memory;
    const word = endpointWord(endpoint);
    const before = Atomics.add(endpoints, word + endpointAt.insertedBlocks, blocks);
    const perEpoch = endpoints[word + endpointAt.blocksPerEpoch] as number;
    const epoch = Math.floor(((before + blocks) >>> 0) / perEpoch) % epochTurn;
    // A thread that is late must not turn back what another has advanced: blocks of that epoch would seem ages old.
    for (;;) {
      const found = Atomics.load(endpoints, word + endpointAt.epoch);
      if ((found - epoch + epochTurn) % epochTurn < lateEpochsMax) return;
      if (Atomics.compareExchange(endpoints, word + endpointAt.epoch, found, epoch) === found)
        return;
    }
  }

  #epoch(endpoint: number): number {
    return this.#memory.endpoints[endpointWord(endpoint) + endpointAt.epoch] as number;
  }

  #tick(): number {
    // Wall time: the monotonic clocks of two threads do not start together.
    return Math.floor(this.#clock.unixMs() / tickMs) | 0;
  }

  #checkEndpoint(endpoint: number): void {
    assert(
      Number.isInteger(endpoint) && endpoint >= 0 && endpoint < this.endpointsMax,
      `endpoint ${endpoint} of a ledger for ${this.endpointsMax}`,
    );
  }
}

/** The low half of a block's hash as a key: never one of the two values that mark an entry. */
function lowHalf(chain: PrefixChain, block: number): number {
  const low = (chain.words[2 * block] as number) | 0;
  return low === emptyKey || low === busyKey ? low + 2 : low;
}

function highHalf(chain: PrefixChain, block: number): number {
  return (chain.words[2 * block + 1] as number) | 0;
}
