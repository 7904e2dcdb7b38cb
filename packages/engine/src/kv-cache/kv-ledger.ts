import { assert, assertDefined } from '@millrace/stdx';
import type { Sequence } from '../sequence/sequence.ts';
import { HostTier } from './host-tier.ts';
import type { HostState, KvOperation, Prefix, Slot } from './prefix.ts';
import { cheapestSource, noSource, type PrefixSource } from './prefix-source.ts';
import { PrefixIndex } from './prefix-index.ts';
import { type PoolShape, SlotPool } from './slot-pool.ts';

/** What the ledger needs to know. */
export interface KvLedgerOptions {
  readonly pools: readonly PoolShape[];
  /** False: every prompt is computed whole. */
  readonly reusesPrefixes: boolean;
  readonly isolatesTenants: boolean;
  /** A shorter match than this is not worth a copy of a stream; in place any match is taken. */
  readonly reuseTokensMin: number;
  /** A shorter prefix than this is dropped rather than moved or saved when its place is needed. */
  readonly keepTokensMin: number;
  readonly hostBytesMax: number;
  readonly kvBytesPerToken: number;
}

const nothingSpared: ReadonlySet<Prefix> = new Set<Prefix>();

/**
 * Says which slot holds the keys and values of which tokens, and how a new sequence takes the longest prefix that
 * anybody holds, running sequences included. Pure bookkeeping: what the contexts must do comes back as operations,
 * to be carried out in order before the next tokens are computed.
 */
export class KvLedger {
  readonly pools: readonly SlotPool[];
  readonly #options: KvLedgerOptions;
  readonly #index: PrefixIndex;
  readonly #host: HostTier;
  readonly #prefixOf = new Map<Sequence, Prefix>();

  constructor(options: KvLedgerOptions) {
    this.#options = options;
    this.pools = options.pools.map((shape, index) => new SlotPool(index, shape));
    this.#index = new PrefixIndex(options.isolatesTenants);
    this.#host = new HostTier({
      bytesMax: options.hostBytesMax,
      bytesPerToken: options.kvBytesPerToken,
    });
  }

  get hostBytesUsed(): number {
    return this.#host.bytesUsed;
  }

  /** The slot in which a running sequence is. */
  slotOf(sequence: Sequence): Slot {
    return assertDefined(this.#prefixOfRunning(sequence).slot, 'a running prefix is in a slot');
  }

  /** The running sequence in a slot. */
  sequenceIn(slot: Slot): Sequence | undefined {
    return slot.prefix?.owner;
  }

  /** True when sequences of the two tenants may share what they compute. */
  tenantsShare(tenant: string, other: string): boolean {
    return this.#options.reusesPrefixes && this.#index.share(tenant, other);
  }

  /** The longest prefix that `sequence` could take; its last token is always left to be computed. */
  findSource(sequence: Sequence, target: Slot | undefined): PrefixSource {
    if (!this.#options.reusesPrefixes) return noSource;
    const wanted = sequence.tokens.subarray(0, sequence.length - 1);
    const match = this.#index.longestMatch(sequence.tenant, wanted);
    const inPlace = target?.prefix;
    if (inPlace !== undefined && match.holders.has(inPlace))
      return { prefix: inPlace, length: match.length };
    if (match.length < this.#options.reuseTokensMin) return noSource;
    const slotTokensMax =
      target === undefined ? undefined : this.#pool(target.pool).shape.slotTokensMax;
    const prefix = cheapestSource(match.holders, { pool: target?.pool, slotTokensMax });
    return prefix === undefined ? noSource : { prefix, length: match.length };
  }

  /** Puts a waiting sequence into the next slot of a pool. The caller has seen that there is one. */
  place(sequence: Sequence, poolIndex: number, nowMs: number): readonly KvOperation[] {
    const pool = this.#pool(poolIndex);
    const slot = assertDefined(pool.nextSlot(), 'a sequence is placed where there is a slot');
    const { prefix: source, length } = this.findSource(sequence, slot);
    const operations: KvOperation[] = [];
    const placed: Prefix = {
      tokens: sequence.tokens,
      length,
      publishedLength: 0,
      tenant: sequence.tenant,
      owner: sequence,
      usedAtMs: nowMs,
      slot,
      host: undefined,
    };

    if (source !== undefined && source.owner === undefined) source.usedAtMs = nowMs;
    if (source !== undefined && source.slot === slot) {
      this.#takeOver({ slot, source, placed, operations });
    } else {
      const host = source?.host;
      this.#vacate(slot, source, operations);
      if (source !== undefined && this.#makeRoomFor(source, pool, operations)) {
        this.#fill({ source, host, placed, operations });
      } else {
        placed.length = 0;
      }
    }
    operations.push({ kind: 'cut', pool: poolIndex, slot: slot.index, length: placed.length });

    slot.prefix = placed;
    this.#prefixOf.set(sequence, placed);
    sequence.computed = placed.length;
    sequence.phase = 'running';
    this.#index.publish(placed);
    return operations;
  }

  /**
   * Makes room for `count` more tokens of a running sequence: `ready`, `slot-full` when its slot ends, or `no-room`
   * when the pool has no cell that could be reclaimed.
   */
  reserve(
    sequence: Sequence,
    count: number,
    operations: KvOperation[],
  ): 'ready' | 'slot-full' | 'no-room' {
    const prefix = this.#prefixOfRunning(sequence);
    const pool = this.#pool(this.slotOf(sequence).pool);
    const length = sequence.computed + count;
    if (length > pool.shape.slotTokensMax) return 'slot-full';
    const cells = pool.sharedCells;
    if (cells === undefined) return 'ready';
    while (cells.freeCount < length - cells.countOf(prefix)) {
      const victim = pool.coldestIdle(nothingSpared);
      if (victim === undefined) return 'no-room';
      this.#evict(victim, operations);
    }
    cells.extendTo(prefix, length);
    return 'ready';
  }

  /** Records that a step computes `count` more tokens of a sequence. */
  advance(sequence: Sequence, count: number): void {
    const prefix = this.#prefixOfRunning(sequence);
    const slot = this.slotOf(sequence);
    sequence.computed += count;
    prefix.tokens = sequence.tokens;
    prefix.length = sequence.computed;
    assert(prefix.length <= this.#pool(slot.pool).shape.slotTokensMax, 'a slot is not overfilled');
    if (this.#options.reusesPrefixes && count > 1) this.#index.publish(prefix);
  }

  /** Takes a running sequence out of its slot; what it computed stays there as a prefix for others, if worth it. */
  release(sequence: Sequence, nowMs: number): readonly KvOperation[] {
    const prefix = this.#prefixOfRunning(sequence);
    const slot = this.slotOf(sequence);
    this.#prefixOf.delete(sequence);
    this.#pool(slot.pool).sharedCells?.cut(prefix, prefix.length);
    prefix.owner = undefined;
    prefix.usedAtMs = nowMs;
    prefix.tokens = sequence.tokens.slice(0, prefix.length);
    sequence.computed = 0;
    if (this.#options.reusesPrefixes && prefix.length >= this.#options.keepTokensMin) {
      this.#index.publish(prefix);
      return [];
    }
    this.#forget(prefix);
    return [{ kind: 'cut', pool: slot.pool, slot: slot.index, length: 0 }];
  }

  /** Moves a running sequence to the lowest idle slot of another pool, with all that it computed. */
  carry(sequence: Sequence, poolIndex: number): readonly KvOperation[] {
    const prefix = this.#prefixOfRunning(sequence);
    const from = this.slotOf(sequence);
    const to = assertDefined(
      this.#pool(poolIndex).nextSlot(),
      'a sequence is carried where there is a slot',
    );
    assert(from.pool !== to.pool, 'a sequence is carried between pools');
    const operations: KvOperation[] = [];
    this.#vacate(to, undefined, operations);
    operations.push(
      {
        kind: 'carry',
        from: { pool: from.pool, slot: from.index },
        to: { pool: to.pool, slot: to.index },
      },
      { kind: 'cut', pool: from.pool, slot: from.index, length: 0 },
    );
    from.prefix = undefined;
    to.prefix = prefix;
    prefix.slot = to;
    return operations;
  }

  /** Closes gaps between the running sequences of a pool by moving the highest ones down. Streams only. */
  compact(poolIndex: number): readonly KvOperation[] {
    const pool = this.#pool(poolIndex);
    const operations: KvOperation[] = [];
    if (pool.shape.layout !== 'streams') return operations;
    for (;;) {
      const gap = pool.nextSlot();
      const highest = pool.highestRunning();
      if (gap === undefined || highest === undefined || highest.index < gap.index)
        return operations;
      this.#vacate(gap, undefined, operations);
      this.#move(highest, gap, operations);
    }
  }

  /** The new sequence starts on the cells that already stand in its slot. What it will overwrite is kept if it can be. */
  #takeOver(step: {
    readonly slot: Slot;
    readonly source: Prefix;
    readonly placed: Prefix;
    readonly operations: KvOperation[];
  }): void {
    const { slot, source, placed, operations } = step;
    const pool = this.#pool(slot.pool);
    pool.sharedCells?.share(source, placed, placed.length);
    const tokensLost = source.length - placed.length;
    const isWorthKeeping =
      pool.shape.layout === 'streams' &&
      tokensLost >= this.#options.keepTokensMin &&
      tokensLost * 4 > source.length;
    const refuge = isWorthKeeping
      ? this.#refugeFor(source, pool, { spared: undefined, operations })
      : undefined;
    if (refuge === undefined) {
      this.#forget(source);
      return;
    }
    operations.push({ kind: 'copy', pool: slot.pool, from: slot.index, to: refuge.index });
    refuge.prefix = source;
    source.slot = refuge;
  }

  /** A unified pool must have cells for all that comes from outside; what is within is shared and needs none. */
  #makeRoomFor(source: Prefix, pool: SlotPool, operations: KvOperation[]): boolean {
    const cells = pool.sharedCells;
    if (cells === undefined || source.slot?.pool === pool.index) return true;
    while (cells.freeCount < source.length) {
      const victim = pool.coldestIdle(nothingSpared);
      if (victim === undefined) return false;
      this.#evict(victim, operations);
    }
    return true;
  }

  /** Brings the source's cells into the slot of the new sequence. */
  #fill(step: {
    readonly source: Prefix;
    readonly host: HostState | undefined;
    readonly placed: Prefix;
    readonly operations: KvOperation[];
  }): void {
    const { source, placed, operations } = step;
    const slot = assertDefined(placed.slot, 'a placed prefix has a slot');
    const pool = this.#pool(slot.pool);
    const to = { pool: slot.pool, slot: slot.index };
    if (source.slot === undefined) {
      const from = assertDefined(step.host, 'a prefix without a slot is in host memory');
      operations.push({ kind: 'restore', ...to, from });
      pool.sharedCells?.extendTo(placed, placed.length);
    } else if (source.slot.pool !== slot.pool) {
      const from = { pool: source.slot.pool, slot: source.slot.index };
      operations.push({ kind: 'carry', from, to });
    } else if (pool.sharedCells !== undefined) {
      const { length } = placed;
      pool.sharedCells.share(source, placed, length);
      operations.push({
        kind: 'share',
        pool: slot.pool,
        from: source.slot.index,
        to: slot.index,
        length,
      });
    } else {
      operations.push({ kind: 'copy', pool: slot.pool, from: source.slot.index, to: slot.index });
    }
    const isCovered = source.owner === undefined && source.length === placed.length;
    if (isCovered) source.usedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Empties an idle slot: its prefix moves to a free or colder place, goes to host memory, or is forgotten. */
  #vacate(slot: Slot, spared: Prefix | undefined, operations: KvOperation[]): void {
    const prefix = slot.prefix;
    if (prefix === undefined) return;
    assert(prefix.owner === undefined, 'only an idle slot is vacated');
    const pool = this.#pool(slot.pool);
    const isStreams = pool.shape.layout === 'streams';
    if (isStreams && prefix !== spared && prefix.length >= this.#options.keepTokensMin) {
      const refuge = this.#refugeFor(prefix, pool, { spared, operations });
      if (refuge !== undefined) {
        this.#move(slot, refuge, operations);
        return;
      }
    }
    this.#evict(prefix, operations);
  }

  /** A slot that is empty, or is made so because what it holds is colder than `prefix`. */
  #refugeFor(
    prefix: Prefix,
    pool: SlotPool,
    step: { readonly spared: Prefix | undefined; readonly operations: KvOperation[] },
  ): Slot | undefined {
    const empty = pool.firstEmpty();
    if (empty !== undefined) return empty;
    const spared = new Set(step.spared === undefined ? [prefix] : [prefix, step.spared]);
    const coldest = pool.coldestIdle(spared);
    if (coldest?.slot === undefined || coldest.usedAtMs >= prefix.usedAtMs) return undefined;
    const refuge = coldest.slot;
    this.#evict(coldest, step.operations);
    return refuge;
  }

  /** Moves what a slot holds to an empty slot of the same pool. */
  #move(from: Slot, to: Slot, operations: KvOperation[]): void {
    assert(to.prefix === undefined && from !== to, 'a prefix moves to an empty slot');
    const prefix = assertDefined(from.prefix, 'there is something to move');
    operations.push(
      { kind: 'copy', pool: from.pool, from: from.index, to: to.index },
      { kind: 'cut', pool: from.pool, slot: from.index, length: 0 },
    );
    from.prefix = undefined;
    to.prefix = prefix;
    prefix.slot = to;
  }

  /** Takes an idle prefix out of its slot; into host memory when it is allowed and nobody else holds it. */
  #evict(prefix: Prefix, operations: KvOperation[]): void {
    const slot = assertDefined(prefix.slot, 'a prefix is evicted from a slot');
    const cells = this.#pool(slot.pool).sharedCells;
    const admitted = this.#isWorthSaving(prefix)
      ? this.#host.admit(prefix, prefix.length)
      : undefined;
    if (admitted === undefined) {
      this.#forget(prefix);
    } else {
      for (const out of admitted.evicted) this.#forget(out);
      operations.push({ kind: 'save', pool: slot.pool, slot: slot.index, into: admitted.into });
      cells?.cut(prefix, 0);
      slot.prefix = undefined;
      prefix.slot = undefined;
    }
    operations.push({ kind: 'cut', pool: slot.pool, slot: slot.index, length: 0 });
  }

  #isWorthSaving(prefix: Prefix): boolean {
    if (!this.#options.reusesPrefixes || prefix.length < this.#options.keepTokensMin) return false;
    const match = this.#index.longestMatch(prefix.tenant, prefix.tokens.subarray(0, prefix.length));
    for (const holder of match.holders) if (holder !== prefix) return false;
    return true;
  }

  /** Drops a prefix from every place at once. */
  #forget(prefix: Prefix): void {
    if (prefix.publishedLength > 0) this.#index.withdraw(prefix);
    this.#host.remove(prefix);
    if (prefix.slot === undefined) return;
    this.#pool(prefix.slot.pool).sharedCells?.cut(prefix, 0);
    if (prefix.slot.prefix === prefix) prefix.slot.prefix = undefined;
    prefix.slot = undefined;
  }

  #prefixOfRunning(sequence: Sequence): Prefix {
    return assertDefined(this.#prefixOf.get(sequence), 'a running sequence has a prefix');
  }

  #pool(index: number): SlotPool {
    return assertDefined(this.pools[index], 'a pool has a valid index');
  }
}
