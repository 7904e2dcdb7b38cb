import { type BpfMap, type LoadedObject, openRingBuffer, type RingBuffer } from '@millrace/bpf';
import type { HandedProbe, KernelProbeName, RecordVisitor } from './probe-form.ts';
import {
  type LossCounts,
  ProbeObject,
  type ProgramCost,
  type ProgramState,
} from './probe-object.ts';
import {
  filterConstants,
  portKey,
  type WatchFilter,
  watchPorts,
  watchProcesses,
} from './watch-filter.ts';

/** What of the filter each probe goes by. */
const filtersOf: Readonly<Record<KernelProbeName, readonly ('ports' | 'targets')[]>> = {
  sockets: ['ports', 'targets'],
  'tcp-health': ['ports'],
  'run-queue': ['targets'],
};

/** A probe in the kernel, with its ring. Disposing detaches it, and nothing of it is left. */
export class KernelProbe implements Disposable {
  readonly name: KernelProbeName;
  readonly #object: ProbeObject;
  readonly #ring: RingBuffer;

  /** Loads and attaches. Throws what @millrace/bpf throws where the kernel or a capability is lacking. */
  constructor(name: KernelProbeName, filter: WatchFilter) {
    this.name = name;
    this.#object = new ProbeObject({
      name,
      constants: filterConstants(filter),
      prepare: (loaded) => {
        watchProcesses(this.#map('targets', loaded), filter.tgids ?? []);
        watchPorts(this.#map('ports', loaded), filter.ports);
      },
    });
    this.#ring = openRingBuffer(this.#object.loaded.map('events'), { wait: 'timer' });
  }

  get programs(): readonly ProgramState[] {
    return this.#object.programs;
  }

  /** The ports that are watched, those among them that a watched process has opened since. */
  ports(): readonly number[] {
    const keys = this.#map('ports')?.keys() ?? [];
    return Array.from(keys, (key) => (key[0] ?? 0) + (key[1] ?? 0) * 256);
  }

  /** The processes that are watched, those among them that others have forked since. */
  processes(): readonly number[] {
    const keys = this.#map('targets')?.keys() ?? [];
    return Array.from(keys, (key) => Buffer.from(key).readUInt32LE());
  }

  /** Watches further ports. */
  addPorts(ports: readonly number[]): void {
    watchPorts(this.#map('ports'), ports);
  }

  /** New connections to a port are left alone. */
  removePort(port: number): void {
    this.#map('ports')?.delete(portKey(port));
  }

  /** Watches further processes. */
  addProcesses(tgids: readonly number[]): void {
    watchProcesses(this.#map('targets'), tgids);
  }

  /** Hands over what there is, up to so many records; how many. */
  drain(visit: RecordVisitor, recordsMax: number): number {
    return this.#ring.drain(visit, recordsMax);
  }

  /** What its programs have cost while the kernel counted runs. */
  costs(): readonly ProgramCost[] {
    return this.#object.costs();
  }

  losses(): LossCounts {
    return this.#object.losses();
  }

  /** Leaves the probe to what this process executes next, as `AdoptedProbe` takes it. */
  handOver(): HandedProbe {
    const parts = this.#object.handOver(['events', 'losses']);
    return { name: this.name, programs: this.programs, parts };
  }

  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }

  #map(name: 'ports' | 'targets', loaded: LoadedObject = this.#object.loaded): BpfMap | undefined {
    return filtersOf[this.name].includes(name) ? loaded.map(name) : undefined;
  }
}
