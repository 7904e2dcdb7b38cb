import { assert } from '@millrace/stdx';
import type { LlamaFunctions, Pointer, StructValue } from '../abi/functions.ts';
import { LlamaError } from '../errors.ts';
import { type ContextOptions, kvTypes, poolings } from '../options.ts';

/** libllama's bound on sequence ids (llama.cpp, src/llama-cparams.h, LLAMA_MAX_SEQ). */
const sequencesBound = 256;

/** Cells of a whole context. */
export function cellsTotalOf(options: ContextOptions): number {
  if (options.layout === 'streams') return options.sequencesMax * options.cellsPerSequence;
  return options.cellsTotal ?? options.cellsPerSequence;
}

export async function createContextAddress(
  functions: LlamaFunctions,
  model: Pointer,
  options: ContextOptions,
): Promise<Pointer> {
  assert(
    options.sequencesMax >= 1 && options.sequencesMax <= sequencesBound,
    `sequencesMax is from 1 to ${sequencesBound}`,
  );
  const params = functions.call<StructValue>('llama_context_default_params');
  params['n_ctx'] = cellsTotalOf(options);
  params['n_batch'] = options.batchTokensMax;
  params['n_ubatch'] = Math.min(options.microBatchTokensMax, options.batchTokensMax);
  params['n_seq_max'] = options.sequencesMax;
  params['n_threads'] = options.threads;
  params['n_threads_batch'] = options.threads;
  params['kv_unified'] = options.layout === 'unified';
  params['type_k'] = kvTypes[options.kvType ?? 'f16'];
  params['type_v'] = kvTypes[options.kvType ?? 'f16'];
  params['no_perf'] = true;
  if (options.outputsMax !== undefined) params['n_outputs_max'] = options.outputsMax;
  if (options.embeddings !== undefined) {
    params['embeddings'] = true;
    params['pooling_type'] = poolings[options.embeddings.pooling];
  }
  const address = await functions.callAsync<Pointer | null>('llama_init_from_model', model, params);
  if (address === null || address === 0n) {
    throw new LlamaError(
      `create a context of ${options.sequencesMax} sequences × ${options.cellsPerSequence} cells: ` +
        'libllama refused it; most often memory is short',
      { code: 'LLAMA_CONTEXT_FAILED' },
    );
  }
  return address;
}
