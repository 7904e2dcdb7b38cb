// Hot path: read some ten times a request, written once. What many messages share is looked for and put together once.

/** Numbers kept for each field: where its line begins, where its name ends, where the next line begins. */
export const numbersPerLine = 3;
/** Between a name and its value, and between a value and the next name. */
export const gapBytes = 2;
/** Of lines that many messages share, the answers to so many questions are kept. */
const askedMax = 16;

/** Takes bytes; they may change as soon as a call returns. */
export interface RangeWriter {
  bytes(bytes: Buffer): void;
  range(bytes: Buffer, start: number, end: number): void;
}

/**
 * Lines `name: value` in memory that stays as it is. They need not stand in one piece: whatever else stands there is none
 * of them. Nothing of them ever changes.
 */
export class FieldLines {
  static readonly empty: FieldLines = new FieldLines(Buffer.alloc(0), []);

  readonly #bytes: Buffer;
  readonly #lines: readonly number[];
  /** Whether what was found is kept for the next message that has these lines too. */
  readonly #isShared: boolean;
  #asked: string[] | undefined;
  #found: (string | undefined)[] | undefined;
  #removed: readonly string[] | undefined;
  #rest: FieldLines | undefined;
  #flat: Buffer | undefined;

  /** `lines` holds `numbersPerLine` for each field. `isShared`: the same lines are to stand for many messages. */
  constructor(bytes: Buffer, lines: readonly number[], isShared = false) {
    this.#bytes = bytes;
    this.#lines = lines;
    this.#isShared = isShared;
  }

  /** The value of a field; `name` is in lower case. One that comes more than once is joined by commas. */
  get(name: string): string | undefined {
    if (!this.#isShared) return this.#find(name);
    const asked = (this.#asked ??= []);
    const found = (this.#found ??= []);
    for (let at = 0; at < asked.length; at++) if (asked[at] === name) return found[at];
    const value = this.#find(name);
    if (asked.length < askedMax) {
      asked.push(name);
      found.push(value);
    }
    return value;
  }

  has(name: string): boolean {
    if (this.#isShared) return this.get(name) !== undefined;
    const count = this.#lines.length;
    for (let at = 0; at < count; at += numbersPerLine) if (this.#isNamed(at, name)) return true;
    return false;
  }

  /** These lines without those of these names. Where many messages share them, the last list is known by its identity. */
  without(names: readonly string[]): FieldLines {
    if (this.#removed === names && this.#rest !== undefined) return this.#rest;
    const rest = this.#hasAnyOf(names) ? this.#copyWithout(names) : this;
    if (this.#isShared) {
      this.#removed = names;
      this.#rest = rest;
    }
    return rest;
  }

  writeTo(writer: RangeWriter): void {
    if (!this.#isShared) return this.#writeRuns(writer);
    this.#flat ??= this.#inOnePiece();
    writer.bytes(this.#flat);
  }

  /** Lines that stand behind one another are written as one: mostly all of them. */
  #writeRuns(writer: RangeWriter): void {
    const lines = this.#lines;
    let runStart = 0;
    let runEnd = 0;
    for (let at = 0; at < lines.length; at += numbersPerLine) {
      const start = lines[at] as number;
      if (start !== runEnd) {
        if (runEnd > runStart) writer.range(this.#bytes, runStart, runEnd);
        runStart = start;
      }
      runEnd = lines[at + 2] as number;
    }
    if (runEnd > runStart) writer.range(this.#bytes, runStart, runEnd);
  }

  *[Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    for (let at = 0; at < this.#lines.length; at += numbersPerLine) {
      const name = this.#bytes.toString('latin1', this.#at(at), this.#at(at + 1));
      yield [name.toLowerCase(), this.#value(at)];
    }
  }

  #find(name: string): string | undefined {
    let found: string | undefined;
    const count = this.#lines.length;
    for (let at = 0; at < count; at += numbersPerLine) {
      if (!this.#isNamed(at, name)) continue;
      const value = this.#value(at);
      found = found === undefined ? value : `${found}, ${value}`;
    }
    return found;
  }

  #hasAnyOf(names: readonly string[]): boolean {
    for (let at = 0; at < names.length; at++) if (this.has(names[at] as string)) return true;
    return false;
  }

  #copyWithout(names: readonly string[]): FieldLines {
    const kept: number[] = [];
    for (let at = 0; at < this.#lines.length; at += numbersPerLine)
      if (!names.some((name) => this.#isNamed(at, name)))
        kept.push(this.#at(at), this.#at(at + 1), this.#at(at + 2));
    return new FieldLines(this.#bytes, kept, this.#isShared);
  }

  /** In memory of its own: what stands for many messages would keep other messages' memory with it. */
  #inOnePiece(): Buffer {
    let length = 0;
    for (let at = 0; at < this.#lines.length; at += numbersPerLine)
      length += this.#at(at + 2) - this.#at(at);
    const flat = Buffer.allocUnsafeSlow(length);
    let to = 0;
    this.#writeRuns({
      bytes: (bytes) => void (to += bytes.copy(flat, to)),
      range: (bytes, start, end) => void (to += bytes.copy(flat, to, start, end)),
    });
    return flat;
  }

  #value(at: number): string {
    return this.#bytes.toString('latin1', this.#at(at + 1) + gapBytes, this.#at(at + 2) - gapBytes);
  }

  #at(index: number): number {
    return this.#lines[index] as number;
  }

  #isNamed(at: number, name: string): boolean {
    const start = this.#at(at);
    if (this.#at(at + 1) - start !== name.length) return false;
    const bytes = this.#bytes;
    for (let each = 0; each < name.length; each++) {
      const byte = bytes[start + each] as number;
      const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
      if (lower !== name.charCodeAt(each)) return false;
    }
    return true;
  }
}
