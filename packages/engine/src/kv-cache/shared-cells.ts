import { assert } from '@millrace/stdx';
import type { Prefix } from './prefix.ts';

/**
 * Counts the cells of a unified buffer, where one cell may belong to several prefixes. The cells here stand for
 * libllama's one to one in number, not in place: the count of free ones is what matters.
 */
export class SharedCells {
  readonly #ownerCounts: Uint16Array;
  readonly #free: number[] = [];
  readonly #cellsOf = new Map<Prefix, number[]>();

  constructor(cellCount: number) {
    this.#ownerCounts = new Uint16Array(cellCount);
    for (let cell = cellCount - 1; cell >= 0; cell--) this.#free.push(cell);
  }

  get freeCount(): number {
    return this.#free.length;
  }

  get usedCount(): number {
    return this.#ownerCounts.length - this.#free.length;
  }

  /** Cells that `prefix` has, shared ones included. */
  countOf(prefix: Prefix): number {
    return this.#cellsOf.get(prefix)?.length ?? 0;
  }

  /** Cells that the prefixes have together, each counted once. */
  countOfAll(prefixes: Iterable<Prefix>): number {
    const distinct = new Set<number>();
    for (const prefix of prefixes) {
      for (const cell of this.#cellsOf.get(prefix) ?? []) distinct.add(cell);
    }
    return distinct.size;
  }

  /** Gives `prefix` cells until it has `length`; the caller has seen that so many are free. */
  extendTo(prefix: Prefix, length: number): void {
    const cells = this.#cells(prefix);
    assert(length - cells.length <= this.#free.length, 'cells are taken only when they are free');
    while (cells.length < length) {
      const cell = this.#free.pop() as number;
      this.#ownerCounts[cell] = 1;
      cells.push(cell);
    }
  }

  /** Makes the first `length` cells of `from` belong to `to` too, which has none. */
  share(from: Prefix, to: Prefix, length: number): void {
    const source = this.#cells(from);
    const target = this.#cells(to);
    assert(target.length === 0 && length <= source.length, 'a new prefix shares what exists');
    for (const cell of source.slice(0, length)) {
      this.#ownerCounts[cell] = (this.#ownerCounts[cell] as number) + 1;
      target.push(cell);
    }
  }

  /** Takes from `prefix` all cells past the first `length`. */
  cut(prefix: Prefix, length: number): void {
    const cells = this.#cells(prefix);
    while (cells.length > length) {
      const cell = cells.pop() as number;
      const ownersLeft = (this.#ownerCounts[cell] as number) - 1;
      this.#ownerCounts[cell] = ownersLeft;
      if (ownersLeft === 0) this.#free.push(cell);
    }
    if (cells.length === 0) this.#cellsOf.delete(prefix);
  }

  #cells(prefix: Prefix): number[] {
    let cells = this.#cellsOf.get(prefix);
    if (cells === undefined) {
      cells = [];
      this.#cellsOf.set(prefix, cells);
    }
    return cells;
  }
}
