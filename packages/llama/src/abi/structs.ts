import koffi, { type TypeObject } from 'koffi';

/**
 * The C structures that cross the boundary (llama.h and ggml.h of llama.cpp v0.5.0), in the order of their fields.
 * koffi lays them out as the platform's C compiler does; `checkAbi` compares them with the library's own defaults.
 */
export interface Structs {
  readonly modelParams: TypeObject;
  readonly contextParams: TypeObject;
  readonly quantizeParams: TypeObject;
  readonly samplerChainParams: TypeObject;
  readonly batch: TypeObject;
  readonly logitBias: TypeObject;
  readonly threadPoolParams: TypeObject;
}

type Layout = Readonly<Record<string, string>>;

const modelParams: Layout = {
  devices: 'void *',
  tensor_buft_overrides: 'void *',
  n_gpu_layers: 'int32_t',
  split_mode: 'int',
  load_mode: 'int',
  lazy_mode: 'int',
  main_gpu: 'int32_t',
  tensor_split: 'void *',
  progress_callback: 'void *',
  progress_callback_user_data: 'void *',
  kv_overrides: 'void *',
  vocab_only: 'bool',
  check_tensors: 'bool',
  use_extra_bufts: 'bool',
  no_host: 'bool',
  no_alloc: 'bool',
  load_mtp: 'bool',
};

const contextParams: Layout = {
  n_ctx: 'uint32_t',
  n_batch: 'uint32_t',
  n_ubatch: 'uint32_t',
  n_seq_max: 'uint32_t',
  n_rs_seq: 'uint32_t',
  n_outputs_max: 'uint32_t',
  n_outputs_max_per_seq: 'uint32_t',
  n_threads: 'int32_t',
  n_threads_batch: 'int32_t',
  ctx_type: 'int',
  rope_scaling_type: 'int',
  pooling_type: 'int',
  attention_type: 'int',
  flash_attn_type: 'int',
  rope_freq_base: 'float',
  rope_freq_scale: 'float',
  yarn_ext_factor: 'float',
  yarn_attn_factor: 'float',
  yarn_beta_fast: 'float',
  yarn_beta_slow: 'float',
  yarn_orig_ctx: 'uint32_t',
  defrag_thold: 'float',
  cb_eval: 'void *',
  cb_eval_user_data: 'void *',
  type_k: 'int',
  type_v: 'int',
  abort_callback: 'void *',
  abort_callback_data: 'void *',
  embeddings: 'bool',
  offload_kqv: 'bool',
  no_perf: 'bool',
  op_offload: 'bool',
  swa_full: 'bool',
  kv_unified: 'bool',
  samplers: 'void *',
  n_samplers: 'size_t',
  ctx_other: 'void *',
};

const quantizeParams: Layout = {
  nthread: 'int32_t',
  ftype: 'int',
  output_tensor_type: 'int',
  token_embedding_type: 'int',
  allow_requantize: 'bool',
  quantize_output_tensor: 'bool',
  only_copy: 'bool',
  pure: 'bool',
  keep_split: 'bool',
  dry_run: 'bool',
  imatrix: 'void *',
  kv_overrides: 'void *',
  tt_overrides: 'void *',
  prune_layers: 'void *',
  max_buf_size: 'size_t',
};

const samplerChainParams: Layout = { no_perf: 'bool' };

const batch: Layout = {
  n_tokens: 'int32_t',
  token: 'void *',
  embd: 'void *',
  pos: 'void *',
  n_seq_id: 'void *',
  seq_id: 'void *',
  logits: 'void *',
};

const logitBias: Layout = { token: 'int32_t', bias: 'float' };

const threadPoolParams: Layout = {
  cpumask: 'bool[512]',
  n_threads: 'int',
  prio: 'int',
  poll: 'uint32_t',
  strict_cpu: 'bool',
  paused: 'bool',
};

/** Declares the structures to koffi, anonymously: each call makes types of its own. */
export function defineStructs(): Structs {
  return {
    modelParams: koffi.struct(modelParams),
    contextParams: koffi.struct(contextParams),
    quantizeParams: koffi.struct(quantizeParams),
    samplerChainParams: koffi.struct(samplerChainParams),
    batch: koffi.struct(batch),
    logitBias: koffi.struct(logitBias),
    threadPoolParams: koffi.struct(threadPoolParams),
  };
}
