import { allocate, addressesAt, int32sAt, type NativeBlock } from '../abi/memory.ts';
import type { Pointer } from '../abi/functions.ts';

/** Bytes of `llama_token_data`: { int32 id; float logit; float p; } (llama.h). */
const candidateBytes = 12;
/** Words of 32 bits in a candidate. */
const candidateWords = 3;

/**
 * Native memory for one `llama_token_data_array` (llama.h), used by all samplers of a model in turn:
 *
 *     array  | data: 8 | size: 8 | selected: 8 | sorted: 1 |
 *     data   | id: 4 | logit: 4 | p: 4 | …
 */
export class CandidateScratch implements Disposable {
  readonly #candidates: NativeBlock;
  readonly #array: NativeBlock;
  readonly #ids: Int32Array;
  readonly #logits: Float32Array;
  readonly #fields: BigInt64Array;
  readonly #sorted: Uint8Array;
  readonly #size: number;

  constructor(vocabularySize: number) {
    this.#size = vocabularySize;
    this.#candidates = allocate(vocabularySize * candidateBytes);
    this.#array = allocate(32);
    this.#ids = new Int32Array(this.#candidates.bytes);
    this.#logits = new Float32Array(this.#candidates.bytes);
    this.#fields = new BigInt64Array(this.#array.bytes, 0, 3);
    this.#sorted = new Uint8Array(this.#array.bytes, 24, 1);
  }

  /** Fills in all candidates from a row of logits; returns the array's address. */
  fill(logits: Float32Array): Pointer {
    for (let token = 0, at = 0; token < this.#size; token++, at += candidateWords) {
      this.#ids[at] = token;
      this.#logits[at + 1] = logits[token] as number;
      this.#logits[at + 2] = 0;
    }
    return this.#reset(this.#size);
  }

  /** Fills in one candidate alone; returns the array's address. */
  fillOne(token: number): Pointer {
    this.#ids[0] = token;
    this.#logits[1] = 1;
    this.#logits[2] = 0;
    return this.#reset(1);
  }

  /** The token that the last sampler of a chain selected. */
  selectedToken(): number {
    const selected = Number(this.#fields[2]);
    const data = addressesAt(this.#array.address, 1)[0] as bigint;
    return int32sAt(data, (selected + 1) * candidateWords)[selected * candidateWords] as number;
  }

  /** The logit of the first candidate; −∞ when a sampler has ruled it out. */
  firstLogit(): number {
    return this.#logits[1] as number;
  }

  [Symbol.dispose](): void {
    this.#candidates[Symbol.dispose]();
    this.#array[Symbol.dispose]();
  }

  #reset(size: number): Pointer {
    this.#fields[0] = BigInt.asIntN(64, this.#candidates.address);
    this.#fields[1] = BigInt(size);
    this.#fields[2] = -1n;
    this.#sorted[0] = 0;
    return this.#array.address;
  }
}
