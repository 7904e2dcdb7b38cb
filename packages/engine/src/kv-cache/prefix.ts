import type { Sequence } from '../sequence/sequence.ts';

/** How a context lays out its cells: a stream of its own per sequence, or one buffer for all. */
export type KvLayout = 'streams' | 'unified';

/** A place for one sequence in one pool; its index is libllama's sequence id there. */
export interface Slot {
  readonly pool: number;
  readonly index: number;
  prefix: Prefix | undefined;
}

/** Keys and values in host memory, written by the runner when it carries out the `save`. */
export interface HostState {
  /** Bytes that the ledger has set aside. */
  readonly bytesReserved: number;
  /** The saved state; undefined until it has been written, or when writing failed. */
  state: Uint8Array | undefined;
}

/** Tokens whose keys and values are kept somewhere: in a slot, in host memory, or both in turn. */
export interface Prefix {
  /** The tokens that are held; while a sequence runs, the sequence's own. */
  tokens: Int32Array;
  /** How many of them are computed. */
  length: number;
  /** How many of them the radix tree knows of. */
  publishedLength: number;
  readonly tenant: string;
  /** The running sequence that extends this prefix; undefined once it only serves others. */
  owner: Sequence | undefined;
  usedAtMs: number;
  slot: Slot | undefined;
  host: HostState | undefined;
}

/** What the runner must do to its contexts before the step's tokens are computed, in this order. */
export type KvOperation =
  /** Streams: all of a slot's cells are copied over those of another slot of the pool. */
  | { readonly kind: 'copy'; readonly pool: number; readonly from: number; readonly to: number }
  /** Unified: the first `length` cells of a slot belong to another one too. */
  | {
      readonly kind: 'share';
      readonly pool: number;
      readonly from: number;
      readonly to: number;
      readonly length: number;
    }
  /** A slot keeps only its first `length` tokens. */
  | { readonly kind: 'cut'; readonly pool: number; readonly slot: number; readonly length: number }
  /** A slot's cells are copied to a slot of another pool. */
  | { readonly kind: 'carry'; readonly from: SlotAddress; readonly to: SlotAddress }
  | {
      readonly kind: 'save';
      readonly pool: number;
      readonly slot: number;
      readonly into: HostState;
    }
  | {
      readonly kind: 'restore';
      readonly pool: number;
      readonly slot: number;
      readonly from: HostState;
    };

/** A slot named by numbers. */
export interface SlotAddress {
  readonly pool: number;
  readonly slot: number;
}
