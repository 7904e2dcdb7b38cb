import { assertDefined } from '@millrace/stdx';
import koffi, { type LibraryHandle, type TypeObject } from 'koffi';
import { defineStructs, type Structs } from './structs.ts';

/** An address in native memory; 0n is null. */
export type Pointer = bigint;

/** A structure as koffi hands it over: field by field. */
export type StructValue = Record<string, number | bigint | boolean | null>;

/** A function that may also be called on a thread of libuv's pool; the callback then gets the result. */
export type Callable = ((...args: unknown[]) => unknown) & {
  readonly async: (...args: unknown[]) => unknown;
};

/** libllama's functions, by their own names, each with the arguments that llama.h declares. */
export interface LlamaFunctions {
  readonly structs: Structs;
  call<Result>(name: string, ...args: readonly unknown[]): Result;
  /** The same off the event loop. */
  callAsync<Result>(name: string, ...args: readonly unknown[]): Promise<Result>;
  /** Prototypes of functions that are found by address. */
  readonly prototypes: { readonly threadPoolNew: TypeObject; readonly threadPoolFree: TypeObject };
  /** Address of a native function that takes anything and does nothing. */
  readonly doNothing: Pointer;
}

type Signature = readonly [result: string, ...args: string[]];

/** Structures stand by their name with a leading `$`. */
const llamaSignatures: Readonly<Record<string, Signature>> = {
  llama_version: ['const char *'],
  llama_print_system_info: ['const char *'],
  llama_backend_init: ['void'],
  llama_log_set: ['void', 'void *', 'void *'],
  llama_supports_mmap: ['bool'],
  llama_ftype_name: ['const char *', 'int'],
  llama_model_default_params: ['$modelParams'],
  llama_context_default_params: ['$contextParams'],
  llama_model_quantize_default_params: ['$quantizeParams'],
  llama_sampler_chain_default_params: ['$samplerChainParams'],
  llama_model_load_from_file: ['void *', 'const char *', '$modelParams'],
  llama_model_free: ['void', 'void *'],
  llama_model_quantize: ['uint32_t', 'const char *', 'const char *', '$quantizeParams *'],
  llama_model_get_vocab: ['void *', 'void *'],
  llama_model_n_ctx_train: ['int32_t', 'void *'],
  llama_model_n_embd: ['int32_t', 'void *'],
  llama_model_n_layer: ['int32_t', 'void *'],
  llama_model_n_head: ['int32_t', 'void *'],
  llama_model_n_swa: ['int32_t', 'void *'],
  llama_model_n_head_kv: ['int32_t', 'void *'],
  llama_model_meta_count: ['int32_t', 'void *'],
  llama_model_meta_key_by_index: ['int32_t', 'void *', 'int32_t', 'void *', 'size_t'],
  llama_model_meta_val_str_by_index: ['int32_t', 'void *', 'int32_t', 'void *', 'size_t'],
  llama_model_desc: ['int32_t', 'void *', 'void *', 'size_t'],
  llama_model_ftype: ['int', 'void *'],
  llama_model_size: ['uint64_t', 'void *'],
  llama_model_n_params: ['uint64_t', 'void *'],
  llama_model_chat_template: ['const char *', 'void *', 'const char *'],
  llama_model_has_encoder: ['bool', 'void *'],
  llama_model_is_recurrent: ['bool', 'void *'],
  llama_model_is_hybrid: ['bool', 'void *'],
  llama_adapter_lora_init: ['void *', 'void *', 'const char *'],
  llama_adapter_lora_free: ['void', 'void *'],
  llama_set_adapters_lora: ['int32_t', 'void *', 'void *', 'size_t', 'void *'],
  llama_init_from_model: ['void *', 'void *', '$contextParams'],
  llama_free: ['void', 'void *'],
  llama_attach_threadpool: ['void', 'void *', 'void *', 'void *'],
  llama_n_ctx: ['uint32_t', 'void *'],
  llama_n_ctx_seq: ['uint32_t', 'void *'],
  llama_get_memory: ['void *', 'void *'],
  llama_memory_clear: ['void', 'void *', 'bool'],
  llama_memory_seq_rm: ['bool', 'void *', 'int32_t', 'int32_t', 'int32_t'],
  llama_memory_seq_cp: ['void', 'void *', 'int32_t', 'int32_t', 'int32_t', 'int32_t'],
  llama_memory_seq_pos_max: ['int32_t', 'void *', 'int32_t'],
  llama_state_seq_get_size: ['size_t', 'void *', 'int32_t'],
  llama_state_seq_get_data: ['size_t', 'void *', 'void *', 'size_t', 'int32_t'],
  llama_state_seq_set_data: ['size_t', 'void *', 'void *', 'size_t', 'int32_t'],
  llama_batch_init: ['$batch', 'int32_t', 'int32_t', 'int32_t'],
  llama_batch_free: ['void', '$batch'],
  llama_decode: ['int32_t', 'void *', '$batch'],
  llama_get_logits_ith: ['void *', 'void *', 'int32_t'],
  llama_get_embeddings_seq: ['void *', 'void *', 'int32_t'],
  llama_get_embeddings_ith: ['void *', 'void *', 'int32_t'],
  llama_vocab_n_tokens: ['int32_t', 'void *'],
  llama_vocab_bos: ['int32_t', 'void *'],
  llama_vocab_eos: ['int32_t', 'void *'],
  llama_vocab_eot: ['int32_t', 'void *'],
  llama_vocab_get_add_bos: ['bool', 'void *'],
  llama_vocab_is_eog: ['bool', 'void *', 'int32_t'],
  llama_vocab_is_control: ['bool', 'void *', 'int32_t'],
  llama_tokenize: ['int32_t', 'void *', 'void *', 'int32_t', 'void *', 'int32_t', 'bool', 'bool'],
  llama_token_to_piece: ['int32_t', 'void *', 'int32_t', 'void *', 'int32_t', 'int32_t', 'bool'],
  llama_sampler_chain_init: ['void *', '$samplerChainParams'],
  llama_sampler_chain_add: ['void', 'void *', 'void *'],
  llama_sampler_free: ['void', 'void *'],
  llama_sampler_reset: ['void', 'void *'],
  llama_sampler_clone: ['void *', 'void *'],
  llama_sampler_accept: ['void', 'void *', 'int32_t'],
  llama_sampler_apply: ['void', 'void *', 'void *'],
  llama_sampler_sample: ['int32_t', 'void *', 'void *', 'int32_t'],
  llama_sampler_init_greedy: ['void *'],
  llama_sampler_init_dist: ['void *', 'uint32_t'],
  llama_sampler_init_top_k: ['void *', 'int32_t'],
  llama_sampler_init_top_p: ['void *', 'float', 'size_t'],
  llama_sampler_init_min_p: ['void *', 'float', 'size_t'],
  llama_sampler_init_typical: ['void *', 'float', 'size_t'],
  llama_sampler_init_temp: ['void *', 'float'],
  llama_sampler_init_grammar: ['void *', 'void *', 'const char *', 'const char *'],
  llama_sampler_init_penalties: ['void *', 'int32_t', 'int32_t', 'float', 'float', 'float'],
  llama_sampler_init_logit_bias: ['void *', 'int32_t', 'int32_t', 'void *'],
};

const ggmlSignatures: Readonly<Record<string, Signature>> = {
  ggml_backend_load_all_from_path: ['void', 'const char *'],
  ggml_backend_reg_by_name: ['void *', 'const char *'],
  ggml_backend_reg_get_proc_address: ['void *', 'void *', 'const char *'],
  ggml_backend_dev_count: ['size_t'],
  ggml_backend_dev_get: ['void *', 'size_t'],
  ggml_backend_dev_name: ['const char *', 'void *'],
  ggml_backend_dev_description: ['const char *', 'void *'],
};

const ggmlBaseSignatures: Readonly<Record<string, Signature>> = {
  ggml_log_set: ['void', 'void *', 'void *'],
};

/** The three libraries of one build, opened. */
export interface OpenLibraries {
  readonly llama: LibraryHandle;
  readonly ggml: LibraryHandle;
  readonly ggmlBase: LibraryHandle;
}

/** Declares every function; a missing one throws koffi's error, which names it. */
export function bindFunctions(libraries: OpenLibraries): LlamaFunctions {
  const structs = defineStructs();
  const functions = new Map<string, Callable>();
  const bind = (library: LibraryHandle, signatures: Record<string, Signature>): void => {
    for (const [name, [result, ...args]] of Object.entries(signatures)) {
      const types = args.map((type) => typeOf(type, structs));
      functions.set(name, library.func(name, typeOf(result, structs), types) as Callable);
    }
  };
  bind(libraries.llama, llamaSignatures);
  bind(libraries.ggml, ggmlSignatures);
  bind(libraries.ggmlBase, ggmlBaseSignatures);

  const find = (name: string): Callable =>
    assertDefined(functions.get(name), `libllama function ${name} is declared`);
  return {
    structs,
    call: <Result>(name: string, ...args: readonly unknown[]): Result =>
      find(name)(...args) as Result,
    callAsync: <Result>(name: string, ...args: readonly unknown[]): Promise<Result> =>
      new Promise<Result>((resolve, reject) => {
        find(name).async(...args, (error: unknown, result: Result) => {
          if (error === null || error === undefined) resolve(result);
          else reject(error);
        });
      }),
    prototypes: {
      threadPoolNew: koffi.proto('void *', [koffi.pointer(structs.threadPoolParams)]),
      threadPoolFree: koffi.proto('void', ['void *']),
    },
    doNothing: libraries.llama.symbol('llama_supports_mmap') as Pointer,
  };
}

function typeOf(type: string, structs: Structs): ReturnType<typeof koffi.type> {
  if (!type.startsWith('$')) return koffi.type(type);
  const isPointer = type.endsWith('*');
  const name = type.slice(1).replace(/ \*$/, '') as keyof Structs;
  return isPointer ? koffi.pointer(structs[name]) : structs[name];
}
