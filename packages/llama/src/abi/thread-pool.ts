import koffi from 'koffi';
import type { LlamaFunctions, Pointer } from './functions.ts';

/** Threads that compute graphs, kept between them. */
export interface ThreadPool extends Disposable {
  readonly address: Pointer;
}

/** ggml's bound on threads of a pool (ggml.h, GGML_MAX_N_THREADS). */
const threadsBound = 512;

/**
 * Creates a pool of `threads` threads for the CPU back end; undefined where the back end exports none. Without one,
 * libllama starts threads anew for every graph, which costs 5 to 25 % of a decode step. The threads wait without
 * polling: they share their cores with the event loop.
 */
export function createThreadPool(
  functions: LlamaFunctions,
  threads: number,
): ThreadPool | undefined {
  const backend = functions.call<Pointer | null>('ggml_backend_reg_by_name', 'CPU');
  if (backend === null) return undefined;
  const find = (name: string): Pointer | null =>
    functions.call<Pointer | null>('ggml_backend_reg_get_proc_address', backend, name);
  const create = find('ggml_threadpool_new');
  const free = find('ggml_threadpool_free');
  if (create === null || free === null) return undefined;
  const address = koffi.call(create, functions.prototypes.threadPoolNew, {
    cpumask: Array.from({ length: threadsBound }, () => false),
    n_threads: Math.min(threads, threadsBound),
    prio: 0,
    poll: 0,
    strict_cpu: false,
    paused: false,
  }) as Pointer;
  return {
    address,
    [Symbol.dispose]: () => void koffi.call(free, functions.prototypes.threadPoolFree, address),
  };
}
