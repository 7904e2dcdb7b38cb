import { carriageReturn, colon, lineFeed, space, tab, tokenBytes, valueBytes } from './bytes.ts';
import { knownFieldAt } from './known-fields.ts';
import type { RefusalReason } from './refusal.ts';

/** Where a parser stands after it was given bytes. */
export type Progress = 'more' | 'done' | 'refused';

/** Most that a parser takes. */
export interface FieldBounds {
  readonly fieldsMax: number;
  readonly fieldBytesMax: number;
}

/** Numbers kept for each field: start and end of its name, start and end of its value, which header it is. */
export const numbersPerField = 5;
/** Of them, the one that is no place. */
const knownAt = 4;

/** Room for as many fields is taken with the first one; more when there are more. */
const usualFields = 16;
const noNumbers = new Int32Array(0);

const inName = 0;
const beforeValue = 1;
const inValue = 2;
const beforeLineFeed = 3;
const beforeLastLineFeed = 4;

/**
 * Reads header fields up to the empty line that ends them, however they are cut into pieces.
 * Hot path: once a byte of every head. Nothing is allocated but room for more fields than any head before had; offsets
 * count from the `base` of the message.
 */
export class FieldParser {
  numbers: Int32Array = noNumbers;
  count = 0;
  refusal: RefusalReason | undefined;
  /** Where the next byte stands. */
  at = 0;
  readonly #bounds: FieldBounds;
  #start = 0;
  #state = inName;
  #nameStart = 0;
  #nameEnd = 0;
  #valueStart = 0;
  #valueEnd = 0;

  constructor(bounds: FieldBounds) {
    this.#bounds = bounds;
  }

  /** Begins at an offset, where the first field stands. */
  reset(at: number): void {
    this.at = at;
    this.#start = at;
    this.#nameStart = at;
    this.#state = inName;
    this.count = 0;
    this.refusal = undefined;
  }

  parse(bytes: Uint8Array, base: number, end: number): Progress {
    const limit = base + this.#start + this.#bounds.fieldBytesMax;
    const last = Math.min(end, limit);
    if (this.#state === inName && this.at === this.#nameStart) this.#takeWhole(bytes, base, last);
    const progress = this.#parse(bytes, base, last);
    return progress === 'more' && end > limit ? this.#refuse('fields-too-large') : progress;
  }

  /** A number of another length stands at `from`, so that all behind it moves. False: there would be too many bytes. */
  shift(from: number, byteCount: number): boolean {
    if (this.at + byteCount - this.#start > this.#bounds.fieldBytesMax) return false;
    this.at += byteCount;
    const { numbers, count } = this;
    for (let at = 0; at < count * numbersPerField; at++)
      if (at % numbersPerField !== knownAt && (numbers[at] as number) >= from)
        numbers[at] = (numbers[at] as number) + byteCount;
    return true;
  }

  /**
   * Takes fields as long as each stands whole in what came and is right: mostly all of them. One that is not is read
   * step by step from its first byte on, which tells what is wrong with it, or waits for the rest.
   */
  #takeWhole(bytes: Uint8Array, base: number, end: number): void {
    for (;;) {
      const start = base + this.at;
      let at = tokenEnd(bytes, start, end);
      if (at === start || at === end || bytes[at] !== colon) return;
      this.#nameEnd = at - base;
      at = skipSpace(bytes, at + 1, end);
      this.#valueStart = at - base;
      at = valueStop(bytes, at, end);
      if (at + 1 >= end || bytes[at] !== carriageReturn || bytes[at + 1] !== lineFeed) return;
      this.#valueEnd = spaceStart(bytes, this.#valueStart + base, at) - base;
      if (!this.#hasRoom()) return;
      this.at = at + 2 - base;
      this.#keep(bytes, base);
    }
  }

  #parse(bytes: Uint8Array, base: number, end: number): Progress {
    while (base + this.at < end) {
      switch (this.#state) {
        case inName:
          if (!this.#name(bytes, base, end)) return 'refused';
          break;
        case beforeValue:
          this.#leadingSpace(bytes, base, end);
          break;
        case inValue:
          if (!this.#value(bytes, base, end)) return 'refused';
          break;
        case beforeLineFeed:
          if (bytes[base + this.at] !== lineFeed) return this.#refuse('bare-carriage-return');
          this.at++;
          if (!this.#take(bytes, base)) return 'refused';
          break;
        default:
          if (bytes[base + this.at] !== lineFeed) return this.#refuse('bare-carriage-return');
          this.at++;
          return 'done';
      }
    }
    return 'more';
  }

  #name(bytes: Uint8Array, base: number, end: number): boolean {
    const at = tokenEnd(bytes, base + this.at, end);
    this.at = at - base;
    if (at === end) return true;
    const isEmpty = this.at === this.#nameStart;
    const byte = bytes[at] as number;
    if (isEmpty && byte === carriageReturn) this.#state = beforeLastLineFeed;
    else if (!isEmpty && byte === colon) {
      this.#nameEnd = this.at;
      this.#state = beforeValue;
    } else return this.#refuseName(byte, isEmpty);
    this.at++;
    return true;
  }

  #refuseName(byte: number, isEmpty: boolean): boolean {
    const isFolded = isEmpty && this.count > 0 && (byte === space || byte === tab);
    if (byte === lineFeed) this.#refuse('bare-line-feed');
    else this.#refuse(isFolded ? 'line-folded' : 'field-name-invalid');
    return false;
  }

  #leadingSpace(bytes: Uint8Array, base: number, end: number): void {
    const at = skipSpace(bytes, base + this.at, end);
    this.at = at - base;
    if (at === end) return;
    this.#valueStart = this.at;
    this.#valueEnd = this.at;
    this.#state = inValue;
  }

  #value(bytes: Uint8Array, base: number, end: number): boolean {
    const from = base + this.at;
    const at = valueStop(bytes, from, end);
    // Space at the end is none of the value, but only the end of the line tells that it was the end.
    const valueEnd = spaceStart(bytes, from, at);
    if (valueEnd > from) this.#valueEnd = valueEnd - base;
    this.at = at - base;
    if (at === end) return true;
    const byte = bytes[at];
    if (byte !== carriageReturn) {
      this.#refuse(byte === lineFeed ? 'bare-line-feed' : 'field-value-invalid');
      return false;
    }
    this.#state = beforeLineFeed;
    this.at++;
    return true;
  }

  #take(bytes: Uint8Array, base: number): boolean {
    if (!this.#hasRoom()) {
      this.#refuse('too-many-fields');
      return false;
    }
    this.#keep(bytes, base);
    this.#state = inName;
    return true;
  }

  #keep(bytes: Uint8Array, base: number): void {
    const { numbers } = this;
    const to = this.count * numbersPerField;
    numbers[to] = this.#nameStart;
    numbers[to + 1] = this.#nameEnd;
    numbers[to + 2] = this.#valueStart;
    numbers[to + 3] = this.#valueEnd;
    numbers[to + 4] = knownFieldAt(bytes, base + this.#nameStart, base + this.#nameEnd);
    this.count++;
    this.#nameStart = this.at;
  }

  #hasRoom(): boolean {
    return this.count * numbersPerField < this.numbers.length || this.#grow();
  }

  /** False: there are as many fields as there may be. */
  #grow(): boolean {
    const { fieldsMax } = this.#bounds;
    if (this.count === fieldsMax) return false;
    const fields = Math.min(fieldsMax, Math.max(usualFields, 2 * this.count));
    const grown = new Int32Array(fields * numbersPerField);
    grown.set(this.numbers);
    this.numbers = grown;
    return true;
  }

  #refuse(reason: RefusalReason): Progress {
    this.refusal = reason;
    return 'refused';
  }
}

function tokenEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && tokenBytes[bytes[at] as number] !== 0) at++;
  return at;
}

function valueStop(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && valueBytes[bytes[at] as number] === 1) at++;
  return at;
}

function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === space || bytes[at] === tab)) at++;
  return at;
}

/** Where the space begins that stands before `end`; `end` itself where there is none. */
function spaceStart(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && (bytes[at - 1] === space || bytes[at - 1] === tab)) at--;
  return at;
}
