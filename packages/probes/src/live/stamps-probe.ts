import { readFileSync } from 'node:fs';
import { attachCgroup, openRingBuffer, type RingBuffer } from '@millrace/bpf';
import { UnsupportedError } from '@millrace/stdx';
import { filtersOf, type HandedProbe, type RecordVisitor } from './probe-form.ts';
import {
  type LossCounts,
  ProbeObject,
  type ProgramCost,
  type ProgramState,
} from './probe-object.ts';
import { ProbeFilter } from './watch-filter.ts';

/** What is told of. */
export interface StampsOptions {
  /** Writes that were with the driver sooner after their beginning have left at once; 50 µs where it is absent. */
  readonly leftNsMin?: number;
}

/** TX timestamps of the writes of connections that are made while it is attached. Disposing detaches. */
export class StampsProbe implements Disposable {
  readonly name = 'stamps';
  readonly #object: ProbeObject;
  readonly #ring: RingBuffer;

  /** Loads and attaches to the root of the cgroups of version 2. Throws an `UnsupportedError` where something lacks. */
  constructor(ports: readonly number[], { leftNsMin }: StampsOptions = {}) {
    const root = cgroupRoot();
    this.#object = new ProbeObject({
      name: 'stamps',
      ...(leftNsMin === undefined ? {} : { constants: { left_ns_min: leftNsMin } }),
      prepare: (loaded) => new ProbeFilter(loaded, filtersOf.stamps).addPorts(ports),
      attach: (loaded, program) => [attachCgroup(loaded.program(program), root)],
    });
    this.#ring = openRingBuffer(this.#object.loaded.map('events'), { wait: 'timer' });
  }

  get programs(): readonly ProgramState[] {
    return this.#object.programs;
  }

  /** Watches further ports. */
  addPorts(ports: readonly number[]): void {
    new ProbeFilter(this.#object.loaded, filtersOf.stamps).addPorts(ports);
  }

  drain(visit: RecordVisitor, recordsMax: number): number {
    return this.#ring.drain(visit, recordsMax);
  }

  costs(): readonly ProgramCost[] {
    return this.#object.costs();
  }

  losses(): LossCounts {
    return this.#object.losses();
  }

  /** Leaves the probe to what this process executes next, as `AdoptedProbe` takes it. */
  handOver(): HandedProbe {
    const parts = this.#object.handOver(['events', 'losses', ...filtersOf.stamps]);
    return { name: this.name, programs: this.programs, parts };
  }

  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }
}

/** Where cgroups of version 2 are mounted. */
function cgroupRoot(): string {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((mount) => mount.split(' ')[2] === 'cgroup2');
  const path = line?.split(' ')[1];
  if (path !== undefined) return path;
  throw new UnsupportedError('stamp writes: no cgroups of version 2 are mounted', {
    code: 'PROBES_CGROUP_MISSING',
    needs: 'a mount of cgroup2',
  });
}
