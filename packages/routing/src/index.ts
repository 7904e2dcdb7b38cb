export { RoutingError, type RoutingErrorCode } from './errors.ts';
export type { PrefixHasherOptions, PrefixLedgerOptions } from './options.ts';
export { type PrefixChain, PrefixHasher } from './prefix-index/prefix-hasher.ts';
export { type LedgerCounts, PrefixLedger } from './prefix-index/prefix-ledger.ts';
