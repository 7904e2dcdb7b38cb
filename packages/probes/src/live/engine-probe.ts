import {
  type AdoptedParts,
  attachUprobe,
  type HandedOver,
  type Link,
  type LoadedObject,
  takeOver,
} from '@millrace/bpf';
import {
  type DeviceCalls,
  type EngineSteps,
  readDeviceCalls,
  readEngineSteps,
} from '../health/step-histogram.ts';
import type { MapHolder } from './watch-filter.ts';
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
    return stepsOf(this.#object.loaded, this.programs);
  }

  deviceCalls(): DeviceCalls | undefined {
    return deviceCallsOf(this.#object.loaded, this.programs);
  }

  /** Leaves the probe to what this process executes next, as `AdoptedEngine` takes it. */
  handOver(): HandedEngine {
    const maps = [
      ...(has(this.programs, 'on_decoded') ? ['steps'] : []),
      ...(has(this.programs, 'on_launch') ? ['device'] : []),
    ];
    return { programs: this.programs, parts: this.#object.handOver(maps) };
  }

  costs(): readonly ProgramCost[] {
    return this.#object.costs();
  }

  [Symbol.dispose](): void {
    this.#object[Symbol.dispose]();
  }
}

/** Probes of one engine as one program leaves them to the next that the process executes. */
export interface HandedEngine {
  readonly programs: readonly ProgramState[];
  readonly parts: HandedOver;
}

/** Probes of one engine that were attached before this program began. Disposing detaches. */
export class AdoptedEngine implements Disposable {
  readonly programs: readonly ProgramState[];
  readonly #parts: AdoptedParts;

  /** Throws what @millrace/bpf throws where a descriptor is none. */
  constructor({ programs, parts }: HandedEngine) {
    this.programs = programs;
    this.#parts = takeOver(parts);
  }

  steps(): EngineSteps | undefined {
    return stepsOf(this.#parts, this.programs);
  }

  deviceCalls(): DeviceCalls | undefined {
    return deviceCallsOf(this.#parts, this.programs);
  }

  [Symbol.dispose](): void {
    this.#parts[Symbol.dispose]();
  }
}

function stepsOf(holder: MapHolder, programs: readonly ProgramState[]): EngineSteps | undefined {
  if (!has(programs, 'on_decoded')) return undefined;
  return readEngineSteps(holder.map('steps').lookupPerCpu(0) ?? []);
}

function deviceCallsOf(
  holder: MapHolder,
  programs: readonly ProgramState[],
): DeviceCalls | undefined {
  if (!has(programs, 'on_launch')) return undefined;
  return readDeviceCalls(holder.map('device').lookupPerCpu(0) ?? []);
}

function has(programs: readonly ProgramState[], program: string): boolean {
  return programs.some(({ name, isAttached }) => name === program && isAttached);
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
