import { Buffer } from 'node:buffer';
import type { ChunkedDecoder } from '../http1/chunked-decoder.ts';
import type { Framing } from '../http1/framing.ts';
import type { RefusalReason } from '../http1/refusal.ts';
import { lentBytesMax, lentBytesMin, type LentMemory } from '../net/spare-memory.ts';
import type { BodyRoom } from './body-room.ts';

/** A body of up to so many bytes gets all its memory when its first bytes come; a longer one as they come. */
const bytesAtOnce = lentBytesMax;
const noBytes = Buffer.alloc(0);

/** What a step of reading a body came to. */
export type BodyStep = 'more' | 'whole' | 'refused';

/** Why a body is not taken: what is wrong with it, or that the bodies of all requests fill the memory they may have. */
export type BodyRefusal = RefusalReason | 'no-room';

/** Puts the body of a request together out of what a connection brings. Hot path: once a piece. */
export class RequestBody {
  /** Where the bytes behind the body begin, when it is whole. */
  restStart = 0;
  refusal: BodyRefusal | undefined;
  readonly #decoder: ChunkedDecoder;
  readonly #bytesMax: number;
  readonly #room: BodyRoom;
  #bytes: Buffer = noBytes;
  /** Where the bytes stand, if they stand in memory that goes from body to body. */
  #memory: LentMemory | undefined;
  /** Bytes that are taken of the room, also for a body that has been released. */
  #taken = 0;
  #length = 0;
  #remaining = 0;
  #isChunked = false;

  constructor(
    decoder: ChunkedDecoder,
    bounds: { readonly bytesMax: number; readonly room: BodyRoom },
  ) {
    this.#decoder = decoder;
    this.#bytesMax = bounds.bytesMax;
    this.#room = bounds.room;
  }

  /** Begins a body; answers whether it may be so long. */
  begin({ isChunked, contentLength }: Framing): boolean {
    this.#isChunked = isChunked;
    this.#remaining = Math.max(0, contentLength);
    this.free();
    if (isChunked) this.#decoder.reset();
    return this.#remaining <= this.#bytesMax;
  }

  get isEmpty(): boolean {
    return !this.#isChunked && this.#remaining === 0 && this.#length === 0;
  }

  take(bytes: Buffer, start: number, end: number): BodyStep {
    if (this.#isChunked) return this.#takeChunks(bytes, start, end);
    const length = Math.min(this.#remaining, end - start);
    this.restStart = start + length;
    if (length > 0 && !this.#append(bytes, [start, start + length], this.#remaining))
      return this.#refuse('no-room');
    this.#remaining -= length;
    return this.#remaining === 0 ? 'whole' : 'more';
  }

  /** The body, once; the memory is the taker's, and counts until `free` or `finish`. */
  release(): Buffer {
    const all = this.#bytes;
    const bytes = this.#length === all.length ? all : all.subarray(0, this.#length);
    this.#bytes = noBytes;
    this.#length = 0;
    return bytes;
  }

  /** The request is answered to its end, so that its taker is done with the body: what comes next may have its memory. */
  finish(): void {
    if (this.#memory !== undefined) this.#room.spare.takeBack(this.#memory);
    this.free();
  }

  /** Gives back what the body had of the room. The memory is not used again: whoever took the body may still look at it. */
  free(): void {
    this.#bytes = noBytes;
    this.#memory = undefined;
    this.#length = 0;
    if (this.#taken > 0) this.#room.free(this.#taken);
    this.#taken = 0;
  }

  #takeChunks(bytes: Buffer, start: number, end: number): BodyStep {
    const decoder = this.#decoder;
    decoder.at = start;
    let step = decoder.step(bytes, end);
    while (step === 'bytes') {
      const length = decoder.bytesEnd - decoder.bytesStart;
      if (this.#length + length > this.#bytesMax) return this.#refuse('body-too-large');
      if (!this.#append(bytes, [decoder.bytesStart, decoder.bytesEnd], length))
        return this.#refuse('no-room');
      step = decoder.step(bytes, end);
    }
    this.restStart = decoder.at;
    if (step === 'refused') return this.#refuse(decoder.refusal);
    return step === 'done' ? 'whole' : 'more';
  }

  /** False: there is no room for it. */
  #append(bytes: Buffer, [start, end]: readonly [number, number], expected: number): boolean {
    const needed = this.#length + end - start;
    if (needed > this.#taken) {
      const all = Math.min(this.#length + expected, Math.max(bytesAtOnce, 2 * this.#length));
      const byteCount = Math.max(needed, all);
      if (!this.#room.take(byteCount - this.#taken)) return false;
      this.#taken = byteCount;
      if (byteCount > this.#bytes.length) this.#grow(byteCount);
    }
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = needed;
    return true;
  }

  #grow(byteCount: number): void {
    const isLent = byteCount >= lentBytesMin && byteCount <= lentBytesMax;
    const outgrown = this.#memory;
    this.#memory = isLent ? this.#room.spare.lend(byteCount) : undefined;
    const grown =
      this.#memory === undefined ? Buffer.allocUnsafe(byteCount) : Buffer.from(this.#memory);
    if (this.#length > 0) this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
    if (outgrown !== undefined) this.#room.spare.takeBack(outgrown);
  }

  #refuse(reason: BodyRefusal | undefined): BodyStep {
    this.refusal = reason;
    return 'refused';
  }
}
