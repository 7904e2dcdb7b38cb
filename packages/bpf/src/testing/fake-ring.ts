import type { RingMemory } from '../ring-buffer/ring-cursor.ts';

const pageBytes = 4_096;
const headerBytes = 8;
const busyBit = 0x8000_0000;
const discardBit = 0x4000_0000;

/** A record that was reserved and is neither submitted nor discarded yet. */
export interface Reservation {
  readonly position: number;
  readonly byteLength: number;
}

/** A producer over plain memory that does what the kernel's ring does (kernel/bpf/ringbuf.c). */
export class FakeRing {
  readonly memory: RingMemory;
  readonly #consumer: BigUint64Array;
  readonly #producer: BigUint64Array;
  readonly #view: DataView;
  readonly #byteLength: number;
  #position: number;

  constructor(byteLength: number, startsAt = 0) {
    const consumer = new ArrayBuffer(pageBytes);
    const produced = new ArrayBuffer(pageBytes + 2 * byteLength);
    this.memory = { consumer, produced, dataOffset: pageBytes, byteLength };
    this.#consumer = new BigUint64Array(consumer, 0, 1);
    this.#producer = new BigUint64Array(produced, 0, 1);
    this.#view = new DataView(produced);
    this.#byteLength = byteLength;
    this.#position = startsAt;
    this.#consumer[0] = BigInt(startsAt);
    this.#producer[0] = BigInt(startsAt);
  }

  /** Room for a record, or undefined where the ring is full. */
  reserve(byteLength: number): Reservation | undefined {
    const total = Math.ceil((byteLength + headerBytes) / 8) * 8;
    const used = this.#position - Number(this.#consumer[0]);
    if (used + total > this.#byteLength - 1) return undefined;
    const position = this.#position;
    this.#writeHeader(position, byteLength + busyBit);
    this.#position += total;
    this.#producer[0] = BigInt(this.#position);
    return { position, byteLength };
  }

  submit({ position, byteLength }: Reservation, fill: number): void {
    for (let at = 0; at < byteLength; at += 1) this.#writeByte(position + headerBytes + at, fill);
    this.#writeHeader(position, byteLength);
  }

  discard({ position, byteLength }: Reservation): void {
    this.#writeHeader(position, byteLength + discardBit);
  }

  #writeHeader(position: number, header: number): void {
    for (let byte = 0; byte < 4; byte += 1)
      this.#writeByte(position + byte, (header / 2 ** (8 * byte)) & 0xff);
  }

  /** The second mapping of the data is the same memory. */
  #writeByte(position: number, value: number): void {
    const at = pageBytes + (position % this.#byteLength);
    this.#view.setUint8(at, value);
    this.#view.setUint8(at + this.#byteLength, value);
  }
}
