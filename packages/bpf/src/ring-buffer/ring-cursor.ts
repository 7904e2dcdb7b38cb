// Hot path: once a record. No allocation, no await; budget 100 ns a record besides the visitor.
import { BpfError } from '../errors.ts';

/**
 * The memory of a ring (kernel/bpf/ringbuf.c, struct bpf_ringbuf):
 *
 *   consumer   one page, ours to write     position up to which records may be overwritten
 *   producer   one page, read-only         position up to which records are reserved
 *   data       `byteLength` bytes, twice   so that no record is cut where the ring wraps
 *
 *   record     u32 length, bit 31 busy, bit 30 discarded | u32 page offset | payload, padded to 8 bytes
 */
export interface RingMemory {
  readonly consumer: ArrayBuffer;
  /** The producer's page with the data behind it. */
  readonly produced: ArrayBuffer;
  readonly dataOffset: number;
  readonly byteLength: number;
}

/** Takes a record: its payload stands at `offset` of the view and is valid only during the call. */
export type RecordVisitor = (view: DataView, offset: number, byteLength: number) => void;

/** What a reader has seen of a ring. */
export interface RingCounters {
  /** Records that were handed over. */
  readonly delivered: number;
  /** Records that the program gave up after it had reserved them. */
  readonly discarded: number;
  /** Reserved bytes that were not read yet. */
  readonly bytesBehind: number;
}

/** Records that lie in the ring one after the other. */
export interface Span {
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
  count: number;
  /** Whether anything was passed, discarded records too. */
  hasMoved: boolean;
}

const headerBytes = 8;
const discardBit = 0x4000_0000;
const lengthMask = 0x3fff_ffff;
/** Room is given back to the producer this often during a long drain. */
const recordsPerRelease = 256;

/** Reads a ring as its only consumer. */
export class RingCursor {
  readonly view: DataView;
  readonly #consumer: BigUint64Array;
  readonly #words: Int32Array;
  readonly #dataOffset: number;
  readonly #byteLength: number;
  readonly #mask: number;
  #released: number;
  #position: number;
  #delivered = 0;
  #discarded = 0;

  constructor({ consumer, produced, dataOffset, byteLength }: RingMemory) {
    if (byteLength < headerBytes || (byteLength & (byteLength - 1)) !== 0) {
      throw new BpfError(`read a ring: its size of ${byteLength} bytes is no power of two`, {
        code: 'BPF_RING_INVALID',
      });
    }
    this.view = new DataView(produced);
    this.#consumer = new BigUint64Array(consumer, 0, 1);
    this.#words = new Int32Array(produced);
    this.#dataOffset = dataOffset;
    this.#byteLength = byteLength;
    this.#mask = byteLength - 1;
    this.#position = Number(Atomics.load(this.#consumer, 0));
    this.#released = this.#position;
  }

  get counters(): RingCounters {
    return {
      delivered: this.#delivered,
      discarded: this.#discarded,
      bytesBehind: this.#bytesBehind(),
    };
  }

  /** Hands over up to `recordsMax` records, discarded ones counted, and gives their room back; how many were handed over. */
  drain(visit: RecordVisitor, recordsMax: number): number {
    const before = this.#delivered;
    try {
      for (let count = 0; count < recordsMax; count += 1) {
        const at = this.#position;
        const header = this.#header();
        if (header < 0) break;
        if ((header & discardBit) === 0) {
          this.#delivered += 1;
          visit(this.view, this.#payloadOffset(at), header & lengthMask);
        } else this.#discarded += 1;
        if (count % recordsPerRelease === recordsPerRelease - 1) this.release();
      }
    } finally {
      this.release();
    }
    return this.#delivered - before;
  }

  /** Finds up to as many records as the span has places, and keeps their room until `release`. */
  take(span: Span): void {
    const from = this.#position;
    span.count = 0;
    while (span.count < span.offsets.length) {
      const at = this.#position;
      const header = this.#header();
      if (header < 0) break;
      if ((header & discardBit) === 0) {
        span.offsets[span.count] = this.#payloadOffset(at);
        span.lengths[span.count] = header & lengthMask;
        span.count += 1;
      } else this.#discarded += 1;
    }
    this.#delivered += span.count;
    span.hasMoved = this.#position !== from;
  }

  /** Gives the room of what was read back to the producer. */
  release(): void {
    if (this.#released === this.#position) return;
    this.#released = this.#position;
    Atomics.store(this.#consumer, 0, BigInt(this.#position));
  }

  #payloadOffset(position: number): number {
    return this.#dataOffset + (position & this.#mask) + headerBytes;
  }

  #bytesBehind(): number {
    // The low half tells: a ring is far smaller than 4 GiB. `>>>` takes a position modulo 2^32.
    return ((Atomics.load(this.#words, 0) >>> 0) - (this.#position >>> 0)) >>> 0;
  }

  /** The next record's header, past which the position moves; negative where none is complete. */
  #header(): number {
    const behind = this.#bytesBehind();
    if (behind === 0) return -1;
    const header = Atomics.load(
      this.#words,
      (this.#dataOffset + (this.#position & this.#mask)) >>> 2,
    );
    // A busy record may still be submitted or discarded; those behind it wait for it.
    if (header < 0) return -1;
    const total = ((header & lengthMask) + headerBytes + 7) & ~7;
    if (total > behind || behind > this.#byteLength) this.#failCorrupt(total, behind);
    this.#position += total;
    return header;
  }

  #failCorrupt(total: number, behind: number): never {
    throw new BpfError(
      `read a ring at ${this.#position}: a record of ${total} bytes, where ${behind} of ${this.#byteLength} ` +
        'are reserved; another consumer may read the same ring',
      { code: 'BPF_RING_INVALID' },
    );
  }
}
