import { assert } from '@millrace/stdx';
import type { LlamaFunctions, Pointer } from '../abi/functions.ts';
import { addressesAt, allocate, floatsAt, type NativeBlock } from '../abi/memory.ts';
import { createThreadPool, type ThreadPool } from '../abi/thread-pool.ts';
import { Batch } from '../batch/batch.ts';
import { LlamaError } from '../errors.ts';
import type { Lora } from '../model/lora.ts';
import type { ContextLayout, ContextOptions } from '../options.ts';
import { cellsTotalOf } from './create-context.ts';
import { portableSlackBytes, portableStateFor, toPortableState } from './sequence-state.ts';

/** How a decode ended: `no-room` when no cells could be found for the batch. */
export type DecodeOutcome =
  | { readonly kind: 'decoded' }
  | { readonly kind: 'no-room' }
  | { readonly kind: 'aborted' };

/** An adapter and how strongly it applies. */
export interface AppliedLora {
  readonly lora: Lora;
  readonly scale: number;
}

/** What a context is made from. */
export interface ContextStart {
  readonly functions: LlamaFunctions;
  readonly address: Pointer;
  readonly options: ContextOptions;
  readonly vocabularySize: number;
  readonly embeddingSize: number;
  /** True when a saved sequence has the one form that can be moved between contexts. */
  readonly isPortable: boolean;
  readonly onDispose: () => void;
}

const untilEnd = -1;
/** Views of rows of logits that are kept; libllama has one row for each output of a batch, and moves them when it takes more room. */
const rowViewsMax = 1024;

/**
 * A context: keys and values of several sequences, and the graph that extends them. libllama aborts the process when
 * its rules are broken, so every rule is asserted here first. While a decode runs nothing else may be called.
 */
export class Context implements Disposable {
  readonly layout: ContextLayout;
  readonly sequencesMax: number;
  readonly cellsPerSequence: number;
  readonly cellsTotal: number;
  readonly #functions: LlamaFunctions;
  readonly #start: ContextStart;
  readonly #memory: Pointer;
  readonly #loraArrays: NativeBlock[] = [];
  /** By address. A view made anew for each token counts as 200 KB of garbage, which V8 collects every few steps. */
  readonly #rowViews = new Map<Pointer, Float32Array>();
  #address: Pointer | undefined;
  readonly #threadPool: ThreadPool | undefined;
  #isDecoding = false;

  constructor(start: ContextStart) {
    const { functions, address, options } = start;
    this.#functions = functions;
    this.#start = start;
    this.#address = address;
    this.#memory = functions.call<Pointer>('llama_get_memory', address);
    this.#threadPool = createThreadPool(functions, options.threads);
    if (this.#threadPool !== undefined) {
      const threads = this.#threadPool.address;
      functions.call('llama_attach_threadpool', address, threads, threads);
    }
    this.layout = options.layout;
    this.sequencesMax = options.sequencesMax;
    this.cellsPerSequence = options.cellsPerSequence;
    this.cellsTotal = cellsTotalOf(options);
  }

  /** A batch of `batchTokensMax` tokens for this context; the caller disposes it. */
  createBatch(): Batch {
    return new Batch(this.#functions, {
      capacity: this.#start.options.batchTokensMax,
      sequencesMax: this.sequencesMax,
      vocabularySize: this.#start.vocabularySize,
    });
  }

  /** Computes a batch off the event loop. Throws `LLAMA_DECODE_FAILED` on a fault. */
  async decode(batch: Batch): Promise<DecodeOutcome> {
    const address = this.#idle();
    assert(batch.count > 0, 'a batch has tokens');
    this.#checkPositions(batch);
    this.#isDecoding = true;
    let status: number;
    try {
      status = await this.#functions.callAsync<number>('llama_decode', address, batch.toStruct());
    } finally {
      this.#isDecoding = false;
    }
    if (status === 0) return { kind: 'decoded' };
    if (status === 1) return { kind: 'no-room' };
    if (status === 2) return { kind: 'aborted' };
    throw new LlamaError(`decode ${batch.count} tokens: libllama returns ${status}`, {
      code: 'LLAMA_DECODE_FAILED',
    });
  }

  /** Logits of a token that asked for them, one per vocabulary entry; a view, valid until the next decode. */
  logits(batchIndex: number): Float32Array {
    const row = this.#functions.call<Pointer | null>(
      'llama_get_logits_ith',
      this.#idle(),
      batchIndex,
    );
    assert(row !== null && row !== 0n, `token ${batchIndex} of the batch asked for logits`);
    const known = this.#rowViews.get(row);
    if (known !== undefined) return known;
    if (this.#rowViews.size === rowViewsMax) this.#rowViews.clear();
    const view = floatsAt(row, this.#start.vocabularySize);
    this.#rowViews.set(row, view);
    return view;
  }

  /** The pooled embedding of a sequence in the last batch; a copy of `embeddingSize` floats. */
  embeddingOfSequence(sequence: number): Float32Array {
    this.#checkSequence(sequence);
    const row = this.#functions.call<Pointer | null>(
      'llama_get_embeddings_seq',
      this.#idle(),
      sequence,
    );
    assert(row !== null && row !== 0n, `sequence ${sequence} has a pooled embedding`);
    return floatsAt(row, this.#start.embeddingSize).slice();
  }

  /** Forgets the cells of a sequence from one position up to, not including, another. False where a model cannot. */
  removeCells(sequence: number, fromPosition: number, toPosition: number = untilEnd): boolean {
    this.#checkSequence(sequence);
    this.#idle();
    return this.#functions.call<boolean>(
      'llama_memory_seq_rm',
      this.#memory,
      sequence,
      fromPosition,
      toPosition,
    );
  }

  /** Streams: makes `to` a copy of the whole of `from`. The data moves at the next decode. */
  copySequence(from: number, to: number): void {
    assert(
      this.layout === 'streams',
      'whole sequences are copied between streams; in a unified context share cells',
    );
    assert(from !== to, 'a sequence is not copied onto itself');
    this.#checkSequence(from);
    this.#checkSequence(to);
    this.#idle();
    this.#functions.call('llama_memory_seq_cp', this.#memory, from, to, untilEnd, untilEnd);
  }

  /** Unified: the first `length` cells of `from` belong to `to` too. */
  shareCells(from: number, to: number, length: number): void {
    assert(
      this.layout === 'unified',
      'cells are shared in a unified context; between streams copy the sequence',
    );
    assert(from !== to && length >= 0, 'cells are shared with another sequence');
    this.#checkSequence(from);
    this.#checkSequence(to);
    this.#idle();
    if (length > 0) this.#functions.call('llama_memory_seq_cp', this.#memory, from, to, 0, length);
  }

  clear(): void {
    this.#idle();
    this.#functions.call('llama_memory_clear', this.#memory, false);
  }

  /** The last position that a sequence holds; -1 when it holds none. */
  lastPosition(sequence: number): number {
    this.#checkSequence(sequence);
    this.#idle();
    return this.#functions.call<number>('llama_memory_seq_pos_max', this.#memory, sequence);
  }

  /**
   * Keys and values of a sequence, to be restored later. Where the model's sequences are portable, any context of the
   * model with the same `kvType` takes them; otherwise only this one.
   */
  saveSequence(sequence: number): Uint8Array {
    this.#checkSequence(sequence);
    const address = this.#idle();
    const byteCount = this.#functions.call<number>('llama_state_seq_get_size', address, sequence);
    const slack = this.#start.isPortable ? portableSlackBytes : 0;
    const state = new Uint8Array(byteCount + slack);
    const written = this.#functions.call<number>(
      'llama_state_seq_get_data',
      address,
      state,
      byteCount,
      sequence,
    );
    assert(written === byteCount, 'a sequence state is written whole');
    return this.#start.isPortable ? toPortableState(state) : state;
  }

  /** Replaces what a sequence holds by a saved state; false when libllama refuses it, for want of room or kinship. */
  restoreSequence(sequence: number, state: Uint8Array): boolean {
    this.#checkSequence(sequence);
    const address = this.#idle();
    const streams = this.layout === 'streams' ? this.sequencesMax : 1;
    const taken = this.#start.isPortable ? portableStateFor(state, streams) : state;
    const read = this.#functions.call<number>(
      'llama_state_seq_set_data',
      address,
      taken,
      taken.length,
      sequence,
    );
    return read > 0;
  }

  /** Applies these adapters, and no others, from the next decode on. */
  setLoras(applied: readonly AppliedLora[]): void {
    const address = this.#idle();
    const pointers = allocate(Math.max(1, applied.length) * BigUint64Array.BYTES_PER_ELEMENT);
    const scales = allocate(Math.max(1, applied.length) * Float32Array.BYTES_PER_ELEMENT);
    addressesAt(pointers.address, applied.length).set(applied.map(({ lora }) => lora.address));
    floatsAt(scales.address, applied.length).set(applied.map(({ scale }) => scale));
    const status = this.#functions.call<number>(
      'llama_set_adapters_lora',
      address,
      pointers.address,
      applied.length,
      scales.address,
    );
    for (const old of this.#loraArrays.splice(0)) old[Symbol.dispose]();
    this.#loraArrays.push(pointers, scales);
    if (status === 0) return;
    throw new LlamaError(`apply ${applied.length} LoRA adapters: libllama returns ${status}`, {
      code: 'LLAMA_LORA_FAILED',
    });
  }

  /** Native address, for samplers. */
  get address(): Pointer {
    return this.#idle();
  }

  [Symbol.dispose](): void {
    const address = this.#address;
    if (address === undefined) return;
    assert(!this.#isDecoding, 'a context is not disposed while it decodes');
    this.#address = undefined;
    this.#functions.call('llama_free', address);
    this.#threadPool?.[Symbol.dispose]();
    this.#start.onDispose();
    for (const block of this.#loraArrays.splice(0)) block[Symbol.dispose]();
  }

  #idle(): Pointer {
    assert(this.#address !== undefined, 'a context is not used after it was disposed');
    assert(!this.#isDecoding, 'a context is not used while it decodes');
    return this.#address;
  }

  #checkSequence(sequence: number): void {
    assert(
      Number.isInteger(sequence) && sequence >= 0 && sequence < this.sequencesMax,
      `sequence ${sequence} is below ${this.sequencesMax}`,
    );
  }

  /** Every sequence of a batch continues right behind what it holds, within its cells. */
  #checkPositions(batch: Batch): void {
    const next = new Map<number, number>();
    for (let index = 0; index < batch.count; index++) {
      const sequence = batch.sequenceAt(index);
      const position = batch.positionAt(index);
      const expected = next.get(sequence) ?? this.#nextPosition(sequence);
      assert(
        position === expected,
        `sequence ${sequence} continues at ${expected}, not at ${position}`,
      );
      assert(
        position < this.cellsPerSequence,
        `sequence ${sequence} has ${this.cellsPerSequence} cells`,
      );
      next.set(sequence, position + 1);
    }
  }

  #nextPosition(sequence: number): number {
    return this.#start.options.embeddings === undefined || this.layout === 'streams'
      ? this.#functions.call<number>('llama_memory_seq_pos_max', this.#memory, sequence) + 1
      : 0;
  }
}
