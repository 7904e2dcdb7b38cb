import { readSync } from 'node:fs';

const windowBytes = 2 ** 20;
const stringBytesMax = 2 ** 24;
const arrayElementsMax = 2 ** 26;

/** Kinds of value by the id that GGUF files hold (docs/gguf.md of ggml): how many bytes, and how they are read. */
const scalars: Readonly<
  Record<number, readonly [bytes: number, read: (bytes: Buffer) => number | boolean]>
> = {
  0: [1, (bytes) => bytes.readUInt8()],
  1: [1, (bytes) => bytes.readInt8()],
  2: [2, (bytes) => bytes.readUInt16LE()],
  3: [2, (bytes) => bytes.readInt16LE()],
  4: [4, (bytes) => bytes.readUInt32LE()],
  5: [4, (bytes) => bytes.readInt32LE()],
  6: [4, (bytes) => bytes.readFloatLE()],
  7: [1, (bytes) => bytes.readUInt8() !== 0],
  10: [8, (bytes) => Number(bytes.readBigUInt64LE())],
  11: [8, (bytes) => Number(bytes.readBigInt64LE())],
  12: [8, (bytes) => bytes.readDoubleLE()],
};
const stringKind = 8;
const arrayKind = 9;

/** Reads the pieces of a GGUF file's head in their order, through a window. Throws plain errors on nonsense. */
export class GgufReader {
  readonly sizeBytes: number;
  readonly #file: number;
  readonly #window: Buffer = Buffer.alloc(windowBytes);
  #windowStart = 0;
  #windowLength = 0;
  #position = 0;

  constructor(file: number, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  get position(): number {
    return this.#position;
  }

  /** The next bytes; a view that holds until the next call. */
  bytes(length: number): Buffer {
    this.#require(length);
    const from = this.#position;
    this.#position += length;
    if (length > windowBytes) {
      const large = Buffer.alloc(length);
      readSync(this.#file, large, 0, length, from);
      return large;
    }
    if (from + length > this.#windowStart + this.#windowLength || from < this.#windowStart) {
      this.#windowStart = from;
      this.#windowLength = readSync(this.#file, this.#window, 0, windowBytes, from);
    }
    const start = from - this.#windowStart;
    return this.#window.subarray(start, start + length);
  }

  uint32(): number {
    return this.bytes(4).readUInt32LE();
  }

  uint64(): number {
    return Number(this.bytes(8).readBigUInt64LE());
  }

  /** A number of things; throws above the limit, so that nonsense is not taken for a size. */
  count(what: string, limit: number): number {
    const value = this.uint64();
    if (value > limit)
      throw new Error(`it claims to have ${value} ${what}; at most ${limit} are read`);
    return value;
  }

  string(): string {
    return this.bytes(this.count('bytes in a string', stringBytesMax)).toString('utf8');
  }

  /** A value with its kind before it; arrays are passed over. */
  value(): string | number | boolean | undefined {
    const kind = this.uint32();
    if (kind === stringKind) return this.string();
    if (kind !== arrayKind) return this.#scalar(kind);
    this.#passArray();
    return undefined;
  }

  #scalar(kind: number): number | boolean {
    const scalar = scalars[kind];
    if (scalar === undefined) throw new Error(`a value is of kind ${kind}, which is not known`);
    const [bytes, read] = scalar;
    return read(this.bytes(bytes));
  }

  #passArray(): void {
    const kind = this.uint32();
    const length = this.count('elements in an array', arrayElementsMax);
    if (kind === stringKind) {
      for (let at = 0; at < length; at++)
        this.#pass(this.count('bytes in a string', stringBytesMax));
      return;
    }
    const scalar = scalars[kind];
    if (scalar === undefined)
      throw new Error(`an array holds values of kind ${kind}, which is not known`);
    this.#pass(length * scalar[0]);
  }

  #pass(length: number): void {
    this.#require(length);
    this.#position += length;
  }

  #require(length: number): void {
    if (this.#position + length > this.sizeBytes)
      throw new Error(`it is cut off: its head goes on after its ${this.sizeBytes} bytes`);
  }
}
