import { LlamaError } from '../errors.ts';
import type { LlamaFunctions, StructValue } from './functions.ts';

/** The version that the bindings are written for; `llama_version` may append a suffix. */
export const pinnedVersion = '0.5.0';

/**
 * Defaults that libllama v0.5.0 itself returns (llama.cpp, src/llama-model.cpp, src/llama-context.cpp and
 * src/llama-quant.cpp, *_default_params). Fields at the start, the middle and the end of each structure: a field
 * that moved shows as a wrong default.
 */
const expectedDefaults: Readonly<Record<string, StructValue>> = {
  llama_model_default_params: {
    n_gpu_layers: -1,
    split_mode: 1,
    main_gpu: 0,
    vocab_only: false,
    check_tensors: false,
    use_extra_bufts: true,
    no_alloc: false,
  },
  llama_context_default_params: {
    n_ctx: 512,
    n_batch: 2048,
    n_ubatch: 512,
    n_seq_max: 1,
    rope_scaling_type: -1,
    pooling_type: -1,
    attention_type: -1,
    flash_attn_type: -1,
    yarn_beta_fast: -1,
    type_k: 1,
    type_v: 1,
    embeddings: false,
    offload_kqv: true,
    no_perf: true,
    op_offload: true,
    swa_full: true,
    kv_unified: false,
  },
  llama_model_quantize_default_params: {
    nthread: 0,
    ftype: 7,
    output_tensor_type: 43,
    allow_requantize: false,
    quantize_output_tensor: true,
    only_copy: false,
    pure: false,
    keep_split: false,
    dry_run: false,
    max_buf_size: 8 * 2 ** 30,
  },
};

/** Throws when the library is not the one that the bindings are written for. */
export function checkAbi(functions: LlamaFunctions): string {
  const version = functions.call<string>('llama_version');
  if (!version.startsWith(pinnedVersion)) {
    throw new LlamaError(
      `load libllama: its version is "${version}", these bindings are for ${pinnedVersion}; ` +
        'reinstall so that the pinned @node-llama-cpp package is used',
      { code: 'LLAMA_VERSION_MISMATCH' },
    );
  }
  const wrong = Object.entries(expectedDefaults).flatMap(([name, expected]) => {
    const actual = functions.call<StructValue>(name);
    return Object.entries(expected).flatMap(([field, value]) =>
      Object.is(actual[field], value) ? [] : [`${name}.${field} is ${actual[field]}, not ${value}`],
    );
  });
  if (wrong.length > 0) {
    throw new LlamaError(`load libllama: its structures differ: ${wrong.join('; ')}`, {
      code: 'LLAMA_ABI_MISMATCH',
    });
  }
  return version;
}
