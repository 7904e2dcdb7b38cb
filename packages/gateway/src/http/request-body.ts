import type { ChunkedDecoder } from '../http1/chunked-decoder.ts';
import type { Framing } from '../http1/framing.ts';
import type { RefusalReason } from '../http1/refusal.ts';

/** A body of up to so many bytes gets all its memory when its first bytes come; a longer one as they come. */
const bytesAtOnce = 2 ** 20;
const noBytes = Buffer.alloc(0);

/** What a step of reading a body came to. */
export type BodyStep = 'more' | 'whole' | 'refused';

/** Puts the body of a request together out of what a connection brings. Hot path: once a piece. */
export class RequestBody {
  /** Where the bytes behind the body begin, when it is whole. */
  restStart = 0;
  refusal: RefusalReason | undefined;
  readonly #decoder: ChunkedDecoder;
  readonly #bytesMax: number;
  #bytes: Buffer = noBytes;
  #length = 0;
  #remaining = 0;
  #isChunked = false;

  constructor(decoder: ChunkedDecoder, bytesMax: number) {
    this.#decoder = decoder;
    this.#bytesMax = bytesMax;
  }

  /** Begins a body; answers whether it may be so long. */
  begin({ isChunked, contentLength }: Framing): boolean {
    this.#isChunked = isChunked;
    this.#remaining = Math.max(0, contentLength);
    this.#bytes = noBytes;
    this.#length = 0;
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
    if (length > 0) this.#append(bytes, [start, start + length], this.#remaining);
    this.#remaining -= length;
    return this.#remaining === 0 ? 'whole' : 'more';
  }

  /** The body, once; the memory is the taker's. */
  release(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = noBytes;
    this.#length = 0;
    return bytes;
  }

  #takeChunks(bytes: Buffer, start: number, end: number): BodyStep {
    const decoder = this.#decoder;
    decoder.at = start;
    let step = decoder.step(bytes, end);
    while (step === 'bytes') {
      const length = decoder.bytesEnd - decoder.bytesStart;
      if (this.#length + length > this.#bytesMax) return this.#refuse('body-too-large');
      this.#append(bytes, [decoder.bytesStart, decoder.bytesEnd], length);
      step = decoder.step(bytes, end);
    }
    this.restStart = decoder.at;
    if (step === 'refused') return this.#refuse(decoder.refusal);
    return step === 'done' ? 'whole' : 'more';
  }

  #append(bytes: Buffer, [start, end]: readonly [number, number], expected: number): void {
    const needed = this.#length + end - start;
    if (needed > this.#bytes.length) {
      const all = Math.min(this.#length + expected, Math.max(bytesAtOnce, 2 * this.#length));
      const grown = Buffer.allocUnsafe(Math.max(needed, all));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.#length, start, end);
    this.#length = needed;
  }

  #refuse(reason: RefusalReason | undefined): BodyStep {
    this.refusal = reason;
    return 'refused';
  }
}
