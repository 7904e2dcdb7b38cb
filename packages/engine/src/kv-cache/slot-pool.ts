import { assert } from '@millrace/stdx';
import { coldestOf } from './host-tier.ts';
import type { KvLayout, Prefix, Slot } from './prefix.ts';
import { SharedCells } from './shared-cells.ts';

/** The size of one pool of slots: one libllama context. */
export interface PoolShape {
  readonly layout: KvLayout;
  readonly slotCount: number;
  /** Tokens that one slot can hold. */
  readonly slotTokensMax: number;
  /** Cells of the whole pool; in streams each slot has its own, so this is slotCount × slotTokensMax. */
  readonly cellCount: number;
}

/** In a unified buffer a newcomer leaves each running sequence this many cells to grow into. */
const cellsToSparePerSequence = 16;

const noPrefixes: ReadonlySet<Prefix> = new Set<Prefix>();

/** The slots of one context and who is in them. Running sequences fill the lowest slots, without gaps between steps. */
export class SlotPool {
  readonly index: number;
  readonly slots: Slot[] = [];
  #shape: PoolShape;
  readonly #sharedCells: SharedCells | undefined;

  constructor(index: number, shape: PoolShape) {
    this.index = index;
    this.#shape = shape;
    this.#sharedCells = shape.layout === 'unified' ? new SharedCells(shape.cellCount) : undefined;
    this.#addSlots();
  }

  get shape(): PoolShape {
    return this.#shape;
  }

  get sharedCells(): SharedCells | undefined {
    return this.#sharedCells;
  }

  get runningCount(): number {
    return this.slots.reduce((count, slot) => count + (isRunning(slot) ? 1 : 0), 0);
  }

  /** Cells that hold something, of `shape.cellCount`. */
  get cellsUsed(): number {
    if (this.#sharedCells !== undefined) return this.#sharedCells.usedCount;
    return this.slots.reduce((count, slot) => count + (slot.prefix?.length ?? 0), 0);
  }

  /** Cells that running sequences hold; the rest of those used can be reclaimed. */
  get cellsRunning(): number {
    const running = this.slots.flatMap((slot) =>
      slot.prefix?.owner === undefined ? [] : [slot.prefix],
    );
    if (this.#sharedCells !== undefined) return this.#sharedCells.countOfAll(running);
    return running.reduce((count, prefix) => count + prefix.length, 0);
  }

  /** Adds slots behind the existing ones. Streams only. */
  grow(slotCount: number): void {
    assert(this.#shape.layout === 'streams', 'only streams grow by slots');
    assert(slotCount > this.#shape.slotCount, 'a pool grows');
    this.#shape = { ...this.#shape, slotCount, cellCount: slotCount * this.#shape.slotTokensMax };
    this.#addSlots();
  }

  /**
   * The slot that the next sequence takes. In streams it is the lowest that no running sequence has, so that running
   * ones stay dense; in a unified buffer, where order is of no matter, an empty one or else the coldest.
   */
  nextSlot(): Slot | undefined {
    if (this.#sharedCells === undefined) return this.slots.find((slot) => !isRunning(slot));
    return this.firstEmpty() ?? this.coldestIdle(noPrefixes)?.slot;
  }

  /** True when cells for `tokens` are free or could be reclaimed, with some to spare for those that run. */
  hasRoomFor(tokens: number): boolean {
    if (this.#sharedCells === undefined) return tokens <= this.#shape.slotTokensMax;
    const spare = this.runningCount * cellsToSparePerSequence;
    return tokens + spare <= this.#shape.cellCount - this.cellsRunning;
  }

  highestRunning(): Slot | undefined {
    return this.slots.findLast(isRunning);
  }

  firstEmpty(): Slot | undefined {
    return this.slots.find((slot) => slot.prefix === undefined);
  }

  /** The least recently used prefix that no sequence runs on, but for those spared. */
  coldestIdle(spared: ReadonlySet<Prefix>): Prefix | undefined {
    const idle = this.slots.flatMap((slot) =>
      slot.prefix !== undefined && slot.prefix.owner === undefined && !spared.has(slot.prefix)
        ? [slot.prefix]
        : [],
    );
    return coldestOf(idle);
  }

  #addSlots(): void {
    for (let index = this.slots.length; index < this.#shape.slotCount; index++) {
      this.slots.push({ pool: this.index, index, prefix: undefined });
    }
  }
}

function isRunning(slot: Slot): boolean {
  return slot.prefix?.owner !== undefined;
}
