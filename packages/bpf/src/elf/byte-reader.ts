import { BpfError, type BpfErrorCode } from '../errors.ts';

/** Reads little-endian numbers and strings from bytes that nobody has vouched for. */
export class ByteReader {
  readonly byteLength: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #subject: string;
  readonly #code: BpfErrorCode;

  constructor(bytes: Uint8Array, subject: { readonly name: string; readonly code: BpfErrorCode }) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.byteLength = bytes.byteLength;
    this.#subject = subject.name;
    this.#code = subject.code;
  }

  uint8(offset: number): number {
    return this.#view.getUint8(this.#checked(offset, 1));
  }

  uint16(offset: number): number {
    return this.#view.getUint16(this.#checked(offset, 2), true);
  }

  uint32(offset: number): number {
    return this.#view.getUint32(this.#checked(offset, 4), true);
  }

  /** A 64-bit number that stands for an offset or a length in these bytes. */
  offset64(offset: number): number {
    const value = this.#view.getBigUint64(this.#checked(offset, 8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(offset, `${value} is out of range`);
    return Number(value);
  }

  /** Bytes of the same memory, not a copy. */
  slice(offset: number, byteLength: number): Uint8Array {
    this.#checked(offset, byteLength);
    return this.#bytes.subarray(offset, offset + byteLength);
  }

  /** The zero-terminated string that starts at `offset`. */
  text(offset: number): string {
    this.#checked(offset, 1);
    const end = this.#bytes.indexOf(0, offset);
    if (end === -1) this.fail(offset, 'a string has no end');
    return Buffer.from(this.#bytes.subarray(offset, end)).toString('utf8');
  }

  fail(offset: number, what: string): never {
    throw new BpfError(`read ${this.#subject} at byte ${offset}: ${what}`, { code: this.#code });
  }

  #checked(offset: number, byteLength: number): number {
    if (offset < 0 || byteLength < 0 || offset + byteLength > this.byteLength) {
      this.fail(offset, `${byteLength} bytes pass the end at ${this.byteLength}`);
    }
    return offset;
  }
}
