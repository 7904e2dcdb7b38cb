/** How a context lays out its cells: a stream of its own per sequence, or one buffer for all. */
export type ContextLayout = 'streams' | 'unified';

/** Number formats of keys and values; the value is ggml's type id (ggml.h, enum ggml_type). */
export const kvTypes = { f16: 1, q8_0: 8, f32: 0 } as const;
export type KvType = keyof typeof kvTypes;

/** Re-encodings that `quantize` can make; the value is libllama's id (llama.h, enum llama_ftype). */
export const quantizationTypes = {
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q4_K_M: 15,
  Q6_K: 18,
} as const;
export type QuantizationType = keyof typeof quantizationTypes;

/** How pooled embeddings are made; the value is libllama's id (llama.h, enum llama_pooling_type). */
export const poolings = { none: 0, mean: 1, cls: 2, last: 3 } as const;
export type Pooling = keyof typeof poolings;

/** Which kind of device computes; the library of each is a package of its own. */
export type Accelerator = 'auto' | 'cpu' | 'cuda' | 'vulkan' | 'metal';

export interface ModelOptions {
  /** Layers kept on the accelerator; all that fit when left out. */
  readonly gpuLayers?: number;
  /** True: no weights, only what tokenising needs. */
  readonly vocabularyOnly?: boolean;
  /** False: weights stay as they are in the file, mapped; by default they are repacked for this CPU. */
  readonly repacksWeights?: boolean;
}

export interface ContextOptions {
  readonly layout: ContextLayout;
  /** Sequences, 1 to 256. */
  readonly sequencesMax: number;
  /** Tokens that one sequence can hold. */
  readonly cellsPerSequence: number;
  /** Unified layout: cells of the whole buffer. */
  readonly cellsTotal?: number;
  /** Tokens that one `decode` takes. */
  readonly batchTokensMax: number;
  /** Tokens that one graph takes. */
  readonly microBatchTokensMax: number;
  /** Tokens of one graph whose logits are wanted; bounds the memory for them. */
  readonly outputsMax?: number;
  readonly threads: number;
  readonly kvType?: KvType;
  /** Present: the context yields embeddings instead of logits. */
  readonly embeddings?: { readonly pooling: Pooling };
}

export interface SamplerOptions {
  /** 0 takes the most probable token. */
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly typicalP?: number;
  /** 1 is off. Penalties count generated tokens only. */
  readonly repeatPenalty?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  /** Generated tokens that penalties look back on; all of them when left out. */
  readonly penaltyLastTokens?: number;
  /** 32 bits; random when left out. */
  readonly seed?: number;
  /** Added to the logits of tokens, by token. */
  readonly logitBias?: ReadonlyMap<number, number>;
  readonly grammar?: { readonly gbnf: string; readonly root?: string };
}
