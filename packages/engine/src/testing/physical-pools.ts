import assert from 'node:assert/strict';
import type { HostState, KvOperation } from '../kv-cache/prefix.ts';
import type { PoolShape } from '../kv-cache/slot-pool.ts';
import type { StepPlan } from '../scheduler/step-plan.ts';

/** A cell, which several slots of a unified pool may share. */
interface Cell {
  readonly token: number;
}

/**
 * What contexts would hold if a plan's operations were carried out on them: the tokens in every slot. Every wrong
 * operation shows as a sequence that continues on somebody else's tokens.
 */
export class PhysicalPools {
  readonly #slots: Cell[][][];
  readonly #shapes: readonly PoolShape[];
  readonly #saved = new Map<HostState, readonly number[]>();

  constructor(shapes: readonly PoolShape[]) {
    this.#shapes = shapes;
    this.#slots = shapes.map((shape) => Array.from({ length: shape.slotCount }, () => []));
  }

  /** The tokens that a slot holds. */
  tokens(pool: number, index: number): readonly number[] {
    return this.#slot(pool, index).map((cell) => cell.token);
  }

  #slot(pool: number, index: number): Cell[] {
    const slot = this.#slots[pool]?.[index];
    assert.ok(slot !== undefined, `pool ${pool} has a slot ${index}`);
    return slot;
  }

  apply(operations: readonly KvOperation[]): void {
    for (const operation of operations) this.#applyOne(operation);
  }

  /** Checks that every entry continues on its own tokens, then adds those it computes. */
  compute(plan: StepPlan): void {
    for (const batch of plan.batches) {
      const shape = this.#shapes[batch.pool] as PoolShape;
      let last = -1;
      for (const entry of batch.entries) {
        assert.ok(entry.slot > last, 'entries ascend by slot');
        last = entry.slot;
        const held = this.#slot(batch.pool, entry.slot);
        const { sequence } = entry;
        assert.equal(held.length, entry.fromPosition, 'a sequence continues where its slot ends');
        assert.deepEqual(this.tokens(batch.pool, entry.slot), [
          ...sequence.tokens.subarray(0, entry.fromPosition),
        ]);
        const real = entry.tokenCount - entry.paddingCount;
        for (const token of sequence.tokens.subarray(
          entry.fromPosition,
          entry.fromPosition + real,
        )) {
          held.push({ token });
        }
        for (let pad = 0; pad < entry.paddingCount; pad++) held.push({ token: -1 });
        assert.ok(held.length <= shape.slotTokensMax, 'a slot is not overfilled');
      }
      this.#checkRoom(batch.pool);
      if (shape.layout === 'streams') this.#checkDense(batch.entries.map((entry) => entry.slot));
    }
  }

  #checkRoom(pool: number): void {
    const distinct = new Set(this.#slots[pool]?.flat());
    assert.ok(distinct.size <= (this.#shapes[pool]?.cellCount ?? 0), 'cells are not overcommitted');
  }

  #checkDense(slots: readonly number[]): void {
    assert.deepEqual(
      slots,
      slots.map((_, index) => index),
      'running slots are dense',
    );
  }

  #applyOne(operation: KvOperation): void {
    switch (operation.kind) {
      case 'copy':
        assert.notEqual(operation.from, operation.to);
        this.#set(
          operation.pool,
          operation.to,
          this.#copies(this.tokens(operation.pool, operation.from)),
        );
        break;
      case 'share': {
        const from = this.#slot(operation.pool, operation.from);
        assert.ok(from.length >= operation.length, 'what is shared exists');
        assert.equal(
          this.#slot(operation.pool, operation.to).length,
          0,
          'shared into an empty slot',
        );
        this.#set(operation.pool, operation.to, from.slice(0, operation.length));
        break;
      }
      case 'cut':
        this.#slot(operation.pool, operation.slot).length = Math.min(
          operation.length,
          this.#slot(operation.pool, operation.slot).length,
        );
        break;
      case 'carry': {
        const { from, to } = operation;
        this.#set(to.pool, to.slot, this.#copies(this.tokens(from.pool, from.slot)));
        this.#checkRoom(to.pool);
        break;
      }
      case 'save':
        this.#saved.set(operation.into, this.tokens(operation.pool, operation.slot));
        break;
      case 'restore': {
        const saved = this.#saved.get(operation.from);
        assert.ok(saved !== undefined, 'what is restored was saved');
        this.#set(operation.pool, operation.slot, this.#copies(saved));
        this.#checkRoom(operation.pool);
        break;
      }
    }
  }

  #copies(tokens: readonly number[]): readonly Cell[] {
    return tokens.map((token) => ({ token }));
  }

  #set(pool: number, index: number, cells: readonly Cell[]): void {
    const slots = this.#slots[pool];
    assert.ok(slots !== undefined);
    slots[index] = [...cells];
  }
}
