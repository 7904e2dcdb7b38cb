import { attachUprobe, type Link, type LoadedObject } from '@millrace/bpf';
import {
  type DeviceCalls,
  type EngineSteps,
  readDeviceCalls,
  readEngineSteps,
} from '../health/step-histogram.ts';
import { AdoptedObject, type HandedParts } from './adopted-object.ts';
import { ProbeObject } from './probe-object.ts';
import type { ProbeParts, ProgramCost, ProgramState } from './probe-parts.ts';
import { type FilterMap, ProbeFilter, type UserSpaceFilter } from './watch-filter.ts';

/** Where in a process the engine's own calls are. */
export interface EngineLibraries {
  /** Every process that uses the files, those among them that start later, where it is absent. */
  readonly pid?: number;
  /** The file of libllama that the process has loaded, as this process reaches it. */
  readonly llamaPath?: string;
  /** The file of libcuda that the process has loaded. */
  readonly cudaPath?: string;
}

interface Place {
  readonly library: 'llamaPath' | 'cudaPath';
  readonly symbols: readonly string[];
  readonly isReturn: boolean;
}

const filter: readonly FilterMap[] = ['targets', 'target_marks'];
const cuda = { library: 'cudaPath', isReturn: false } as const;
/**
 * The runtime asks the driver for the newest of these; those that end in `_ptsz` and `_ptds` are of programs that were
 * compiled for a default stream of each thread (cuda.h, CUDA_API_PER_THREAD_DEFAULT_STREAM).
 */
const places: Readonly<Record<string, Place>> = {
  on_decode: { library: 'llamaPath', symbols: ['llama_decode'], isReturn: false },
  on_decoded: { library: 'llamaPath', symbols: ['llama_decode'], isReturn: true },
  on_launch: {
    ...cuda,
    symbols: ofEachStream(['cuLaunchKernel', 'cuLaunchKernelEx', 'cuLaunchCooperativeKernel']),
  },
  on_graph_launch: { ...cuda, symbols: ofEachStream(['cuGraphLaunch']) },
  on_copy_to_device: { ...cuda, symbols: copiesOf('cuMemcpyHtoD') },
  on_copy_from_device: { ...cuda, symbols: copiesOf('cuMemcpyDtoH') },
  on_copy_within_device: { ...cuda, symbols: copiesOf('cuMemcpyDtoD') },
  on_copy_either_way: {
    ...cuda,
    symbols: ['cuMemcpy', 'cuMemcpy_ptds', ...ofEachStream(['cuMemcpyAsync'])],
  },
  on_copy_of_rows: {
    ...cuda,
    symbols: [...copiesOf('cuMemcpy2D'), ...copiesOf('cuMemcpy2DUnaligned')],
  },
};

function ofEachStream(symbols: readonly string[]): readonly string[] {
  return symbols.flatMap((symbol) => [symbol, `${symbol}_ptsz`]);
}

/** One that waits, and one that does not; a library lacks what CUDA does not have of them. */
function copiesOf(call: string): readonly string[] {
  return [`${call}_v2`, `${call}_v2_ptds`, ...ofEachStream([`${call}Async_v2`])];
}

/** Steps of the engines that it is attached to, and their calls to CUDA, counted where they happen. Disposing detaches. */
export class EngineProbe<Parts extends ProbeParts = ProbeParts> implements Disposable {
  readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  get programs(): readonly ProgramState[] {
    return this.parts.programs;
  }

  steps(): EngineSteps | undefined {
    if (!this.#has('on_decoded')) return undefined;
    return readEngineSteps(this.parts.map('steps').lookupPerCpu(0) ?? []);
  }

  deviceCalls(): DeviceCalls | undefined {
    if (!this.#has('on_launch')) return undefined;
    return readDeviceCalls(this.parts.map('device').lookupPerCpu(0) ?? []);
  }

  /** Counts further processes too, where it goes by process. */
  addProcesses(tgids: readonly number[]): void {
    new ProbeFilter(this.parts, filter).addProcesses(tgids);
  }

  costs(): readonly ProgramCost[] {
    return this.parts.costs();
  }

  [Symbol.dispose](): void {
    this.parts[Symbol.dispose]();
  }

  #has(program: string): boolean {
    return this.programs.some(({ name, isAttached }) => name === program && isAttached);
  }
}

/** Loads and attaches what the libraries have. Throws what @millrace/bpf throws. */
export function openEngineProbe(
  libraries: EngineLibraries,
  { isFilteredByProcess = false }: UserSpaceFilter = {},
): EngineProbe<ProbeObject> {
  const only = Object.entries(places)
    .filter(([, { library }]) => libraries[library] !== undefined)
    .map(([name]) => name);
  const object = new ProbeObject({
    name: 'engine',
    only,
    constants: { is_filtered_by_process: isFilteredByProcess ? 1 : 0 },
    prepare: () => undefined,
    attach: (loaded, name) => attachTo(loaded, name, libraries),
  });
  return new EngineProbe(object);
}

/** Leaves a probe to what this process executes next. */
export function handOverEngine({ parts, programs }: EngineProbe<ProbeObject>): HandedParts {
  const attached = new Set(programs.filter(({ isAttached }) => isAttached).map(({ name }) => name));
  return parts.handOver([
    ...(attached.has('on_decoded') ? ['steps'] : []),
    ...(attached.has('on_launch') ? ['device'] : []),
    ...filter,
  ]);
}

/** Takes a probe over from the program before this one. Throws what @millrace/bpf throws where a descriptor is none. */
export function adoptEngine(handed: HandedParts): EngineProbe {
  return new EngineProbe(new AdoptedObject('engine', handed));
}

/** A library may lack some of the calls: it is attached to those that it has, and to one at least. */
function attachTo(loaded: LoadedObject, name: string, libraries: EngineLibraries): readonly Link[] {
  const place = places[name];
  const path = place === undefined ? undefined : libraries[place.library];
  if (place === undefined || path === undefined) return [];
  const links: Link[] = [];
  let fault: unknown;
  for (const symbol of place.symbols) {
    try {
      const { pid } = libraries;
      const { isReturn } = place;
      const where = { path, symbol, isReturn, ...(pid === undefined ? {} : { pid }) };
      links.push(attachUprobe(loaded.program(name), where));
    } catch (error) {
      fault = error;
    }
  }
  if (links.length === 0) throw fault;
  return links;
}
