import { openRingBuffer, readKernelBtf, type RingBuffer } from '@millrace/bpf';
import {
  filtersOf,
  type HandedProbe,
  type KernelProbeName,
  type RecordVisitor,
} from './probe-form.ts';
import {
  type LossCounts,
  ProbeObject,
  type ProgramCost,
  type ProgramState,
} from './probe-object.ts';
import { filterConstants, ProbeFilter, type WatchFilter } from './watch-filter.ts';

/** A probe in the kernel, with its ring. Disposing detaches it, and nothing of it is left. */
export class KernelProbe implements Disposable {
  readonly name: KernelProbeName;
  readonly #object: ProbeObject;
  readonly #ring: RingBuffer;
  readonly #filter: ProbeFilter;

  /** Loads and attaches. Throws what @millrace/bpf throws where the kernel or a capability is lacking. */
  constructor(name: KernelProbeName, filter: WatchFilter) {
    this.name = name;
    const only = programsOf(name);
    this.#object = new ProbeObject({
      name,
      constants: filterConstants(filter),
      ...(only === undefined ? {} : { only }),
      prepare: (loaded) => {
        const own = new ProbeFilter(loaded, filtersOf[name]);
        own.addProcesses(filter.tgids ?? []);
        own.addPorts(filter.ports);
      },
    });
    this.#filter = new ProbeFilter(this.#object.loaded, filtersOf[name]);
    this.#ring = openRingBuffer(this.#object.loaded.map('events'), { wait: 'timer' });
  }

  get programs(): readonly ProgramState[] {
    return this.#object.programs;
  }

  /** The ports that are watched, those among them that a watched process has opened since. */
  ports(): readonly number[] {
    return this.#filter.ports();
  }

  /** The processes that are watched, those among them that others have forked since. */
  processes(): readonly number[] {
    return this.#filter.processes();
  }

  /** Watches further ports. */
  addPorts(ports: readonly number[]): void {
    this.#filter.addPorts(ports);
  }

  /** New connections to a port are left alone. */
  removePort(port: number): void {
    this.#filter.removePort(port);
  }

  /** Watches further processes. */
  addProcesses(tgids: readonly number[]): void {
    this.#filter.addProcesses(tgids);
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
    const parts = this.#object.handOver(['events', 'losses', ...filtersOf[this.name]]);
    return { name: this.name, programs: this.programs, parts };
  }

  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }
}

/** Where the kernel holds single threads by a cgroup's limit, as since 6.18, the switch away from one tells it. */
function programsOf(name: KernelProbeName): readonly string[] | undefined {
  if (name !== 'run-queue') return undefined;
  const task = readKernelBtf().find('struct', 'task_struct');
  const holdsThreads = task?.members.some((member) => member.name === 'throttled') ?? false;
  return holdsThreads ? ['on_switch'] : undefined;
}
