import { RoutingError } from '../errors.ts';
import type { PrefixLedgerOptions } from '../options.ts';

const magic = 0x4d4c4733;
const headerWords = 16;
export const waysPerBucket = 8;
const endpointColumns = 7;
/** Keys, then the bytes of `visited` and the hand: where a bucket's rows of stamps begin. */
const bucketHeadBytes = 8 * waysPerBucket + 16;
const lineBytes = 64;

/** Where each number of the header stands. */
export const headerAt = {
  magic: 0,
  endpointsMax: 1,
  bucketCount: 2,
  speculativeMs: 3,
  sweepHand: 4,
  inserted: 5,
  evicted: 6,
  lost: 7,
} as const;

/** Epochs whose blocks are counted apart, for each endpoint: a power of two, more than `epochsKept`. */
export const epochsCounted = 512;

/**
 * The ledger's memory, cut into its regions.
 *
 *     header      16 words      sizes, counters
 *     endpoints   7 columns of one word for each endpoint, side by side for those who go over all endpoints
 *     counts      512 words each for every endpoint: blocks whose last use was in each of its latest epochs
 *     buckets     whole cache lines each, so that a lookup touches neighbouring lines of one page:
 *         keys      2 words each  low and high half of a block's hash; the 8 of a bucket are one cache line
 *         visited   1 byte each   set by a match, cleared by the clock hand
 *         hand      1 byte        the way at which the clock hand stands; 7 bytes of nothing
 *         stamps    2 bytes each  a row of one per endpoint for every key
 */
export interface LedgerMemory {
  readonly buffer: SharedArrayBuffer;
  readonly endpointsMax: number;
  readonly bucketCount: number;
  readonly header: Int32Array;
  readonly insertedBlocks: Int32Array;
  readonly blocksPerEpoch: Int32Array;
  /** The tick after the last forgetting. */
  readonly forgottenTicks: Int32Array;
  /** The epoch of each endpoint: blocks inserted / blocks per epoch. */
  readonly epochs: Int32Array;
  /** The oldest epoch of which blocks are left. */
  readonly oldestEpochs: Int32Array;
  readonly capacityBlocks: Int32Array;
  readonly heldBlocks: Int32Array;
  readonly counts: Int32Array;
  readonly keys: Int32Array;
  readonly stamps: Uint16Array;
  readonly bytes: Uint8Array;
  readonly bytesPerBucket: number;
}

/** The first of a key's two words, in `keys`. */
export function keyWord({ bytesPerBucket }: LedgerMemory, entry: number): number {
  return (entry >>> 3) * (bytesPerBucket >>> 2) + 2 * (entry & 7);
}

/** The first stamp of an entry's row, in `stamps`. */
export function stampRow({ bytesPerBucket, endpointsMax }: LedgerMemory, entry: number): number {
  const bucket = (entry >>> 3) * (bytesPerBucket >>> 1);
  return bucket + bucketHeadBytes / 2 + (entry & 7) * endpointsMax;
}

/** Where an entry is marked as visited, in `bytes`. */
export function visitedByte({ bytesPerBucket }: LedgerMemory, entry: number): number {
  return (entry >>> 3) * bytesPerBucket + 8 * waysPerBucket + (entry & 7);
}

/** Where a bucket's clock hand stands, in `bytes`. */
export function handByte({ bytesPerBucket }: LedgerMemory, bucket: number): number {
  return bucket * bytesPerBucket + 9 * waysPerBucket;
}

/** Takes shared memory for as many entries as fit into the bytes given, by powers of two. */
export function allocateLedger(options: Required<PrefixLedgerOptions>): LedgerMemory {
  const { endpointsMax, ledgerBytes, speculativeMs, capacityBlocks } = options;
  let bucketCount = 1;
  while (bytesFor(endpointsMax, bucketCount * 2) <= ledgerBytes) bucketCount *= 2;
  const buffer = new SharedArrayBuffer(bytesFor(endpointsMax, bucketCount));
  const header = new Int32Array(buffer, 0, headerWords);
  header[headerAt.magic] = magic;
  header[headerAt.endpointsMax] = endpointsMax;
  header[headerAt.bucketCount] = bucketCount;
  header[headerAt.speculativeMs] = speculativeMs;
  const memory = openLedger(buffer);
  memory.blocksPerEpoch.fill(blocksPerEpoch(capacityBlocks));
  memory.capacityBlocks.fill(capacityBlocks);
  return memory;
}

/** Looks at the memory of a ledger that another thread has made. */
export function openLedger(buffer: SharedArrayBuffer): LedgerMemory {
  const header = new Int32Array(buffer, 0, headerWords);
  const endpointsMax = header[headerAt.endpointsMax] as number;
  const bucketCount = header[headerAt.bucketCount] as number;
  if (
    header[headerAt.magic] !== magic ||
    buffer.byteLength !== bytesFor(endpointsMax, bucketCount)
  ) {
    throw new RoutingError(
      `open prefix ledger: ${buffer.byteLength} bytes of shared memory were not made by a ledger`,
      { code: 'ROUTING_MEMORY_INVALID' },
    );
  }
  const endpointsByte = headerWords * 4;
  const countsByte = endpointsByte + endpointsMax * endpointColumns * 4;
  const bucketsByte = bucketsByteOf(endpointsMax);
  const column = (at: number): Int32Array =>
    new Int32Array(buffer, endpointsByte + at * endpointsMax * 4, endpointsMax);
  return {
    buffer,
    endpointsMax,
    bucketCount,
    header,
    insertedBlocks: column(0),
    blocksPerEpoch: column(1),
    forgottenTicks: column(2),
    epochs: column(3),
    oldestEpochs: column(4),
    capacityBlocks: column(5),
    heldBlocks: column(6),
    counts: new Int32Array(buffer, countsByte, endpointsMax * epochsCounted),
    keys: new Int32Array(buffer, bucketsByte),
    stamps: new Uint16Array(buffer, bucketsByte),
    bytes: new Uint8Array(buffer, bucketsByte),
    bytesPerBucket: bytesPerBucket(endpointsMax),
  };
}

/** Epochs after which an endpoint has very likely evicted a block that it has not used. */
export const epochsKept = 256;

/** Blocks that an endpoint inserts in one epoch, so that its capacity is `epochsKept` of them. */
export function blocksPerEpoch(capacityBlocks: number): number {
  return Math.max(1, Math.ceil(capacityBlocks / epochsKept));
}

function bytesPerBucket(endpointsMax: number): number {
  const bytes = bucketHeadBytes + 2 * endpointsMax * waysPerBucket;
  return lineBytes * Math.ceil(bytes / lineBytes);
}

/** Buckets begin with a cache line. */
function bucketsByteOf(endpointsMax: number): number {
  const bytes = 4 * (headerWords + endpointsMax * (endpointColumns + epochsCounted));
  return lineBytes * Math.ceil(bytes / lineBytes);
}

function bytesFor(endpointsMax: number, bucketCount: number): number {
  return bucketsByteOf(endpointsMax) + bucketCount * bytesPerBucket(endpointsMax);
}
