import { RoutingError } from '../errors.ts';
import type { PrefixLedgerOptions } from '../options.ts';

const magic = 0x4d4c4732;
const headerWords = 16;
export const waysPerBucket = 8;
const wordsPerEndpoint = 4;

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

/** Where each number of an endpoint stands, from the endpoint's first word on. */
export const endpointAt = {
  insertedBlocks: 0,
  blocksPerEpoch: 1,
  forgottenTick: 2,
  epoch: 3,
} as const;

/**
 * The ledger's memory, cut into its regions.
 *
 *     header      16 words     sizes, counters
 *     endpoints   4 words each  blocks inserted, blocks per epoch, tick after the last
 *                               forgetting, epoch: blocks inserted / blocks per epoch
 *     keys        2 words each  low and high half of a block's hash; a bucket of 8 is one cache line
 *     stamps      2 bytes each  a row of one per endpoint for every key
 *     visited     1 byte each   set by a match, cleared by the clock hand
 *     hands       1 byte each   the way of a bucket at which its clock hand stands
 */
export interface LedgerMemory {
  readonly buffer: SharedArrayBuffer;
  readonly endpointsMax: number;
  readonly bucketCount: number;
  readonly header: Int32Array;
  readonly endpoints: Int32Array;
  readonly keys: Int32Array;
  readonly stamps: Uint16Array;
  readonly visited: Uint8Array;
  readonly hands: Uint8Array;
}

/** The first word of an endpoint's numbers. */
export function endpointWord(endpoint: number): number {
  return endpoint * wordsPerEndpoint;
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
  for (let endpoint = 0; endpoint < endpointsMax; endpoint++) {
    memory.endpoints[endpointWord(endpoint) + endpointAt.blocksPerEpoch] =
      blocksPerEpoch(capacityBlocks);
  }
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
  const entryCount = bucketCount * waysPerBucket;
  const endpointsByte = headerWords * 4;
  const keysByte = endpointsByte + endpointsMax * wordsPerEndpoint * 4;
  const stampsByte = keysByte + entryCount * 8;
  const visitedByte = stampsByte + entryCount * endpointsMax * 2;
  return {
    buffer,
    endpointsMax,
    bucketCount,
    header,
    endpoints: new Int32Array(buffer, endpointsByte, endpointsMax * wordsPerEndpoint),
    keys: new Int32Array(buffer, keysByte, entryCount * 2),
    stamps: new Uint16Array(buffer, stampsByte, entryCount * endpointsMax),
    visited: new Uint8Array(buffer, visitedByte, entryCount),
    hands: new Uint8Array(buffer, visitedByte + entryCount, bucketCount),
  };
}

/** Epochs after which an endpoint has very likely evicted a block that it has not used. */
export const epochsKept = 256;

/** Blocks that an endpoint inserts in one epoch, so that its capacity is `epochsKept` of them. */
export function blocksPerEpoch(capacityBlocks: number): number {
  return Math.max(1, Math.ceil(capacityBlocks / epochsKept));
}

function bytesFor(endpointsMax: number, bucketCount: number): number {
  const perEntry = 8 + 2 * endpointsMax + 1;
  return (
    headerWords * 4 +
    endpointsMax * wordsPerEndpoint * 4 +
    bucketCount * (waysPerBucket * perEntry + 1)
  );
}
