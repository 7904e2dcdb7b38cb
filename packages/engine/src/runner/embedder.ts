import type { Batch, Context, Model } from '@millrace/llama';
import { EngineError } from '../errors.ts';

/** A text of up to this many tokens can be embedded: its graph holds all of them at once. */
const inputTokensBound = 2048;
/** Inputs that are computed in one graph. */
const inputsPerBatch = 16;

interface EmbeddingJob {
  readonly inputs: readonly Int32Array[];
  readonly results: Float32Array[];
  readonly signal: AbortSignal | undefined;
  readonly resolve: (results: readonly Float32Array[]) => void;
  readonly reject: (error: unknown) => void;
}

interface OpenContext {
  readonly context: Context;
  readonly batch: Batch;
}

/**
 * Embeds texts between the steps of generation, one graph at a time, in a context of its own that is created when
 * the first text comes.
 */
export class Embedder implements Disposable {
  /** Longest input in tokens. */
  readonly inputTokensMax: number;
  readonly #model: Model;
  readonly #threads: number;
  readonly #onWork: () => void;
  readonly #jobs: EmbeddingJob[] = [];
  #open: OpenContext | undefined;

  constructor(options: {
    readonly model: Model;
    readonly threads: number;
    readonly onWork: () => void;
  }) {
    this.#model = options.model;
    this.#threads = options.threads;
    this.#onWork = options.onWork;
    this.inputTokensMax = Math.min(options.model.contextTokensTrained, inputTokensBound);
  }

  /** Mean-pooled, L2-normalised embeddings, one an input. Throws `ENGINE_INPUT_TOO_LONG`. */
  async embed(
    inputs: readonly Int32Array[],
    signal?: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    const tooLong = inputs.findIndex((input) => input.length > this.inputTokensMax);
    if (tooLong >= 0) {
      throw new EngineError(
        `embed input ${tooLong}: it has ${inputs[tooLong]?.length} tokens, the limit is ${this.inputTokensMax}`,
        { code: 'ENGINE_INPUT_TOO_LONG' },
      );
    }
    if (inputs.length === 0) return [];
    return new Promise((resolve, reject) => {
      this.#jobs.push({ inputs, results: [], signal, resolve, reject });
      this.#onWork();
    });
  }

  /** Computes one graph of the oldest job; false when there is none. */
  async runOne(): Promise<boolean> {
    const job = this.#jobs[0];
    if (job === undefined) return false;
    try {
      job.signal?.throwIfAborted();
      await this.#extend(job);
    } catch (error) {
      this.#jobs.shift();
      job.reject(error);
      return true;
    }
    if (job.results.length === job.inputs.length) {
      this.#jobs.shift();
      job.resolve(job.results);
    }
    return true;
  }

  [Symbol.dispose](): void {
    const closed = new EngineError('embed: the engine is shutting down', { code: 'ENGINE_FAILED' });
    for (const job of this.#jobs.splice(0)) job.reject(closed);
    this.#open?.batch[Symbol.dispose]();
    this.#open?.context[Symbol.dispose]();
    this.#open = undefined;
  }

  async #extend(job: EmbeddingJob): Promise<void> {
    const { context, batch } = (this.#open ??= await this.#create());
    batch.clear();
    let count = 0;
    for (const input of job.inputs.slice(job.results.length)) {
      if (count === inputsPerBatch || batch.count + input.length > batch.capacity) break;
      input.forEach((token, position) => batch.add(token, position, count, true));
      count++;
    }
    await context.decode(batch);
    for (let index = 0; index < count; index++) {
      job.results.push(normalised(context.embeddingOfSequence(index)));
    }
    context.clear();
  }

  async #create(): Promise<OpenContext> {
    const context = await this.#model.createContext({
      layout: 'unified',
      sequencesMax: inputsPerBatch,
      cellsPerSequence: this.inputTokensMax,
      cellsTotal: this.inputTokensMax,
      batchTokensMax: this.inputTokensMax,
      microBatchTokensMax: this.inputTokensMax,
      threads: this.#threads,
      embeddings: { pooling: 'mean' },
    });
    return { context, batch: context.createBatch() };
  }
}

function normalised(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
