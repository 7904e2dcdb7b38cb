import { assert } from '@millrace/stdx';
import type { LlamaFunctions, Pointer } from '../abi/functions.ts';
import { Context } from '../context/context.ts';
import { createContextAddress } from '../context/create-context.ts';
import { LlamaError } from '../errors.ts';
import type { ContextOptions, SamplerOptions } from '../options.ts';
import { CandidateScratch } from '../sampler/candidate-scratch.ts';
import { Sampler } from '../sampler/sampler.ts';
import { Vocabulary } from '../vocabulary/vocabulary.ts';
import { Lora } from './lora.ts';
import { readMetadata, readText } from './metadata.ts';

/** Bytes of a key or value in f16. */
const kvElementBytes = 2;

/** A loaded model. Contexts, samplers and adapters made from it must be disposed before it. */
export class Model implements Disposable {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** libllama's one-line description, such as `llama 135M Q8_0`. */
  readonly description: string;
  /** Its quantisation, such as `Q8_0`. */
  readonly fileType: string;
  readonly contextTokensTrained: number;
  readonly embeddingSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly headCountKv: number;
  readonly parameterCount: number;
  readonly sizeBytes: number;
  /** layers × 2 × KV heads × head size × 2 bytes: keys and values of one token in f16. */
  readonly kvBytesPerToken: number;
  /** True when its state cannot be cut at a token, so that prefixes cannot be taken from it. */
  readonly isRecurrent: boolean;
  /** True when a sequence saved in one context can be restored in another: plain attention in every layer. */
  readonly hasPortableSequences: boolean;
  readonly hasEncoder: boolean;
  readonly vocabulary: Vocabulary;
  readonly #functions: LlamaFunctions;
  readonly #scratch: CandidateScratch;
  #address: Pointer | undefined;
  #contextCount = 0;

  constructor(options: {
    readonly functions: LlamaFunctions;
    readonly address: Pointer;
    readonly path: string;
    readonly isVocabularyOnly: boolean;
  }) {
    const { functions, address } = options;
    this.#functions = functions;
    this.#address = address;
    this.path = options.path;
    this.metadata = readMetadata(functions, address);
    this.description = readText((buffer) =>
      functions.call<number>('llama_model_desc', address, buffer, buffer.length),
    );
    this.fileType = functions
      .call<string>('llama_ftype_name', functions.call<number>('llama_model_ftype', address))
      .replace(/ - .*$/, '');
    this.contextTokensTrained = functions.call<number>('llama_model_n_ctx_train', address);
    this.embeddingSize = functions.call<number>('llama_model_n_embd', address);
    // libllama aborts when a model without weights is asked for its layers.
    const ask = (name: string): number =>
      options.isVocabularyOnly ? 0 : functions.call<number>(name, address);
    this.layerCount = ask('llama_model_n_layer');
    this.headCount = ask('llama_model_n_head');
    this.headCountKv = ask('llama_model_n_head_kv');
    this.parameterCount = Number(functions.call('llama_model_n_params', address));
    this.sizeBytes = Number(functions.call('llama_model_size', address));
    const architecture = this.metadata.get('general.architecture') ?? '';
    const headSize = Number(
      this.metadata.get(`${architecture}.attention.key_length`) ??
        this.embeddingSize / this.headCount,
    );
    this.kvBytesPerToken = this.layerCount * 2 * this.headCountKv * headSize * kvElementBytes;
    this.isRecurrent =
      functions.call<boolean>('llama_model_is_recurrent', address) ||
      functions.call<boolean>('llama_model_is_hybrid', address);
    const windowTokens = ask('llama_model_n_swa');
    this.hasPortableSequences = !this.isRecurrent && windowTokens === 0;
    this.hasEncoder = functions.call<boolean>('llama_model_has_encoder', address);
    this.vocabulary = new Vocabulary(
      functions,
      functions.call<Pointer>('llama_model_get_vocab', address),
    );
    this.#scratch = new CandidateScratch(this.vocabulary.tokenCount);
  }

  /** The Jinja text of a chat template; the default one when no name is given. */
  chatTemplate(name?: string): string | undefined {
    const text = this.#functions.call<string | null>(
      'llama_model_chat_template',
      this.#open(),
      name ?? null,
    );
    return text ?? undefined;
  }

  /** Creates a context off the event loop; its memory is taken in full at once. Throws `LLAMA_CONTEXT_FAILED`. */
  async createContext(options: ContextOptions): Promise<Context> {
    this.#contextCount++;
    const address = await createContextAddress(this.#functions, this.#open(), options).catch(
      (error: unknown) => {
        this.#contextCount--;
        throw error;
      },
    );
    return new Context({
      functions: this.#functions,
      address,
      options,
      vocabularySize: this.vocabulary.tokenCount,
      embeddingSize: this.embeddingSize,
      isPortable: this.hasPortableSequences,
      onDispose: () => this.#contextCount--,
    });
  }

  /** Throws `LLAMA_GRAMMAR_INVALID` when the grammar does not parse. */
  createSampler(options: SamplerOptions): Sampler {
    return new Sampler({
      functions: this.#functions,
      vocabulary: this.vocabulary,
      scratch: this.#scratch,
      options,
    });
  }

  /** Loads a LoRA adapter off the event loop. Throws `LLAMA_LORA_FAILED`. */
  async loadLora(path: string): Promise<Lora> {
    const address = await this.#functions.callAsync<Pointer | null>(
      'llama_adapter_lora_init',
      this.#open(),
      path,
    );
    if (address === null || address === 0n) {
      throw new LlamaError(`load LoRA ${path}: libllama refused it for ${this.path}`, {
        code: 'LLAMA_LORA_FAILED',
      });
    }
    return new Lora({ functions: this.#functions, address, path });
  }

  [Symbol.dispose](): void {
    const address = this.#address;
    if (address === undefined) return;
    assert(this.#contextCount === 0, `the contexts of model ${this.path} are disposed before it`);
    this.#address = undefined;
    this.#scratch[Symbol.dispose]();
    this.#functions.call('llama_model_free', address);
  }

  #open(): Pointer {
    assert(this.#address !== undefined, `model ${this.path} is used after it was disposed`);
    return this.#address;
  }
}
