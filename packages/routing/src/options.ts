import { RoutingError } from './errors.ts';

/** How prompts are cut into blocks. */
export interface PrefixHasherOptions {
  /** Bytes of a prompt that one block covers; a multiple of 8. */
  readonly blockBytes?: number;
  /** Blocks of one prompt that are hashed; what follows is not told apart. */
  readonly blocksMax?: number;
  /** Makes hashes of one installation unlike those of another; the same in every lane. */
  readonly seed?: number;
}

/** Size and life of a prefix ledger. */
export interface PrefixLedgerOptions {
  /** Endpoints that it tells apart, by index from 0. */
  readonly endpointsMax?: number;
  /** Shared memory that it takes at most, once. */
  readonly ledgerBytes?: number;
  /** How long a block counts as held after a dispatch that nothing has confirmed. */
  readonly speculativeMs?: number;
  /** Blocks that an endpoint keeps, where nothing better is known. */
  readonly capacityBlocks?: number;
}

interface Bound {
  readonly least: number;
  readonly most: number;
  readonly byDefault: number;
}

const hasherBounds = {
  blockBytes: { least: 64, most: 65_536, byDefault: 512 },
  blocksMax: { least: 1, most: 16_384, byDefault: 2_048 },
  seed: { least: 0, most: 2 ** 32 - 1, byDefault: 0x6d696c6c },
} as const;

/** Bounds and defaults of a ledger. */
export const ledgerBounds: Readonly<Record<keyof PrefixLedgerOptions, Bound>> = {
  endpointsMax: { least: 1, most: 1_024, byDefault: 32 },
  ledgerBytes: { least: 65_536, most: 2 ** 32, byDefault: 64 * 2 ** 20 },
  // A life must be told from one a whole turn of the 15-bit tick earlier.
  speculativeMs: { least: 100, most: 600_000, byDefault: 30_000 },
  capacityBlocks: { least: 1, most: 2 ** 30, byDefault: 2 ** 22 },
};

/** Fills, checks and freezes the options of a prefix hasher. */
export function resolveHasherOptions(options: PrefixHasherOptions): Required<PrefixHasherOptions> {
  const resolved = Object.freeze({
    blockBytes: bounded('blockBytes', options.blockBytes, hasherBounds.blockBytes),
    blocksMax: bounded('blocksMax', options.blocksMax, hasherBounds.blocksMax),
    seed: bounded('seed', options.seed, hasherBounds.seed),
  });
  if (resolved.blockBytes % 8 === 0) return resolved;
  throw new RoutingError(`blockBytes is ${resolved.blockBytes}; it is a multiple of 8`, {
    code: 'ROUTING_OPTION_INVALID',
  });
}

/** Fills, checks and freezes the options of a prefix ledger. */
export function resolveLedgerOptions(options: PrefixLedgerOptions): Required<PrefixLedgerOptions> {
  const { endpointsMax, ledgerBytes, speculativeMs, capacityBlocks } = ledgerBounds;
  return Object.freeze({
    endpointsMax: bounded('endpointsMax', options.endpointsMax, endpointsMax),
    ledgerBytes: bounded('ledgerBytes', options.ledgerBytes, ledgerBytes),
    speculativeMs: bounded('speculativeMs', options.speculativeMs, speculativeMs),
    capacityBlocks: bounded('capacityBlocks', options.capacityBlocks, capacityBlocks),
  });
}

/** The value given, or the default; refuses what is no integer within the bounds. */
export function bounded(name: string, given: number | undefined, bound: Bound): number {
  const value = given ?? bound.byDefault;
  if (Number.isInteger(value) && value >= bound.least && value <= bound.most) return value;
  throw new RoutingError(
    `${name} is ${value}; it is an integer from ${bound.least} to ${bound.most}`,
    { code: 'ROUTING_OPTION_INVALID' },
  );
}
