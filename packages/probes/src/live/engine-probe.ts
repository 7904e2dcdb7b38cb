import { attachUprobe, type Link, type LoadedObject } from '@millrace/bpf';
import {
  type DeviceCalls,
  type EngineSteps,
  readDeviceCalls,
  readEngineSteps,
} from '../health/step-histogram.ts';
import { ProbeObject, type ProgramCost, type ProgramState } from './probe-object.ts';

/** Where in a process the engine's own calls are. */
export interface EngineLibraries {
  readonly pid: number;
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

const cuda = { library: 'cudaPath', isReturn: false } as const;
const places: Readonly<Record<string, Place>> = {
  on_decode: { library: 'llamaPath', symbols: ['llama_decode'], isReturn: false },
  on_decoded: { library: 'llamaPath', symbols: ['llama_decode'], isReturn: true },
  on_launch: { ...cuda, symbols: ['cuLaunchKernel', 'cuLaunchKernelEx'] },
  on_copy_to_device: { ...cuda, symbols: ['cuMemcpyHtoD_v2', 'cuMemcpyHtoDAsync_v2'] },
  on_copy_from_device: { ...cuda, symbols: ['cuMemcpyDtoH_v2', 'cuMemcpyDtoHAsync_v2'] },
};

/** Steps of an engine in one process, and its calls to CUDA, counted where they happen. Disposing detaches. */
export class EngineProbe implements Disposable {
  readonly #object: ProbeObject;

  /** Loads and attaches what the libraries have. Throws what @millrace/bpf throws. */
  constructor(libraries: EngineLibraries) {
    const only = Object.entries(places)
      .filter(([, { library }]) => libraries[library] !== undefined)
      .map(([name]) => name);
    this.#object = new ProbeObject({
      name: 'engine',
      only,
      prepare: () => undefined,
      attach: (loaded, name) => attachTo(loaded, name, libraries),
    });
  }

  get programs(): readonly ProgramState[] {
    return this.#object.programs;
  }

  steps(): EngineSteps | undefined {
    return this.#has('on_decoded')
      ? readEngineSteps(this.#object.loaded.map('steps').lookupPerCpu(0) ?? [])
      : undefined;
  }

  deviceCalls(): DeviceCalls | undefined {
    return this.#has('on_launch')
      ? readDeviceCalls(this.#object.loaded.map('device').lookupPerCpu(0) ?? [])
      : undefined;
  }

  costs(): readonly ProgramCost[] {
    return this.#object.costs();
  }

  [Symbol.dispose](): void {
    this.#object[Symbol.dispose]();
  }

  #has(program: string): boolean {
    return this.programs.some(({ name, isAttached }) => name === program && isAttached);
  }
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
      links.push(attachUprobe(loaded.program(name), { path, symbol, pid, isReturn }));
    } catch (error) {
      fault = error;
    }
  }
  if (links.length === 0) throw fault;
  return links;
}
