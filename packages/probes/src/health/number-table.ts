import { assert } from '@millrace/stdx';

const rowsFirst = 32;

/**
 * Rows of numbers, oldest first, in one array: what is kept for long is no object that a collector has to look at. When
 * it is full the oldest quarter is forgotten at once, so that forgetting costs little for each row.
 */
export class NumberTable {
  readonly #columns: number;
  readonly #rowsMax: number;
  #values: Float64Array;
  #length = 0;

  constructor(columns: number, rowsMax: number) {
    this.#columns = columns;
    this.#rowsMax = rowsMax;
    this.#values = new Float64Array(columns * Math.min(rowsFirst, rowsMax));
  }

  get length(): number {
    return this.#length;
  }

  at(row: number, column: number): number {
    return this.#values[row * this.#columns + column] as number;
  }

  /** Adds a row, whose cells hold anything until each is set, which is next. */
  add(): number {
    if (this.#length === this.#rowsMax) this.#forget();
    if ((this.#length + 1) * this.#columns > this.#values.length) this.#grow();
    return this.#length++;
  }

  set(row: number, column: number, value: number): void {
    assert(row < this.#length, 'a cell is set in a row that is there');
    this.#values[row * this.#columns + column] = value;
  }

  /** The first row whose value in a column is above one, or the length; values of the column ascend. */
  firstAbove(column: number, value: number): number {
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle, column) > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #forget(): void {
    const kept = Math.floor(this.#rowsMax * 0.75);
    const from = (this.#length - kept) * this.#columns;
    this.#values.copyWithin(0, from, this.#length * this.#columns);
    this.#length = kept;
  }

  #grow(): void {
    const rows = Math.min(this.#rowsMax, Math.max(rowsFirst, this.#length * 2));
    const larger = new Float64Array(rows * this.#columns);
    larger.set(this.#values);
    this.#values = larger;
  }
}
