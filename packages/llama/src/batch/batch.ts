import { assert } from '@millrace/stdx';
import type { LlamaFunctions, Pointer, StructValue } from '../abi/functions.ts';
import { addressesAt, allocate, int32sAt, int8sAt, type NativeBlock } from '../abi/memory.ts';

/** What a batch must keep to. */
export interface BatchBounds {
  readonly capacity: number;
  readonly sequencesMax: number;
  readonly vocabularySize: number;
}

/**
 * Tokens for one `decode`, written straight into libllama's own memory (llama.h, struct llama_batch). libllama keeps
 * a list of sequences for every token; ours have one entry each and lie side by side, so that writing one is a store:
 *
 *     seq_id[0] ──► sequences[0]   seq_id[1] ──► sequences[1]   …
 *
 * Hot path: `add` runs once a token. No allocation.
 */
export class Batch implements Disposable {
  readonly capacity: number;
  readonly #functions: LlamaFunctions;
  readonly #bounds: BatchBounds;
  readonly #struct: StructValue;
  readonly #tokens: Int32Array;
  readonly #positions: Int32Array;
  readonly #sequences: Int32Array;
  readonly #wanted: Int8Array;
  readonly #lists: BigUint64Array;
  readonly #ownLists: BigUint64Array;
  readonly #block: NativeBlock;
  #count = 0;
  #isOpen = true;

  constructor(functions: LlamaFunctions, bounds: BatchBounds) {
    this.#functions = functions;
    this.#bounds = bounds;
    this.capacity = bounds.capacity;
    this.#struct = functions.call<StructValue>('llama_batch_init', bounds.capacity, 0, 1);
    const at = (field: string): Pointer => this.#struct[field] as Pointer;
    this.#tokens = int32sAt(at('token'), bounds.capacity);
    this.#positions = int32sAt(at('pos'), bounds.capacity);
    this.#wanted = int8sAt(at('logits'), bounds.capacity);
    int32sAt(at('n_seq_id'), bounds.capacity).fill(1);
    this.#block = allocate(bounds.capacity * Int32Array.BYTES_PER_ELEMENT);
    this.#sequences = new Int32Array(this.#block.bytes);
    this.#lists = addressesAt(at('seq_id'), bounds.capacity);
    this.#ownLists = this.#lists.slice();
    for (let index = 0; index < bounds.capacity; index++) {
      this.#lists[index] = this.#block.address + BigInt(index * Int32Array.BYTES_PER_ELEMENT);
    }
  }

  get count(): number {
    return this.#count;
  }

  clear(): void {
    this.#count = 0;
  }

  /** Adds a token and returns its index in the batch, by which its logits are found. */
  // oxlint-disable-next-line max-params -- once a token: an options object would be garbage
  add(token: number, position: number, sequence: number, wantsLogits: boolean): number {
    const index = this.#count;
    assert(this.#isOpen && index < this.capacity, 'a batch is open and has room for the token');
    assert(token >= 0 && token < this.#bounds.vocabularySize, 'a token is in the vocabulary');
    assert(sequence >= 0 && sequence < this.#bounds.sequencesMax, 'a sequence id is in range');
    this.#tokens[index] = token;
    this.#positions[index] = position;
    this.#sequences[index] = sequence;
    this.#wanted[index] = wantsLogits ? 1 : 0;
    this.#count = index + 1;
    return index;
  }

  sequenceAt(index: number): number {
    return this.#sequences[index] as number;
  }

  positionAt(index: number): number {
    return this.#positions[index] as number;
  }

  /** The structure to hand to `llama_decode`. */
  toStruct(): StructValue {
    assert(this.#isOpen, 'a batch is not used after it was disposed');
    return { ...this.#struct, n_tokens: this.#count };
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    // llama_batch_free frees the lists that llama_batch_init allocated, so they must stand where it left them.
    this.#lists.set(this.#ownLists);
    this.#functions.call('llama_batch_free', this.#struct);
    this.#block[Symbol.dispose]();
  }
}
