import { type BpfMap, openRingBuffer, type RingBuffer } from '@millrace/bpf';
import { filtersOf, type RecordVisitor, type RingProbeName } from './probe-form.ts';
import {
  type LossCounts,
  type ProbeParts,
  type ProgramCost,
  type ProgramState,
  sumLosses,
} from './probe-parts.ts';
import { ProbeFilter } from './watch-filter.ts';

/** A probe that tells through a ring, whoever attached it. Disposing detaches it, and nothing of it is left. */
export class RingProbe<Parts extends ProbeParts = ProbeParts> implements Disposable {
  readonly name: RingProbeName;
  readonly parts: Parts;
  readonly #ring: RingBuffer;
  readonly #filter: ProbeFilter;
  /** Kept, since finding a map costs several calls into the kernel and losses are asked for at every look. */
  readonly #losses: BpfMap;

  /** Takes the parts over. Throws what @millrace/bpf throws. */
  constructor(name: RingProbeName, parts: Parts) {
    this.name = name;
    this.parts = parts;
    this.#filter = new ProbeFilter(parts, filtersOf[name]);
    try {
      this.#losses = parts.map('losses');
      this.#ring = openRingBuffer(parts.map('events'), { wait: 'timer' });
    } catch (error) {
      parts[Symbol.dispose]();
      throw error;
    }
  }

  get programs(): readonly ProgramState[] {
    return this.parts.programs;
  }

  /** The ports that are watched, those among them that a watched process has opened since. */
  ports(): readonly number[] {
    return this.#filter.ports();
  }

  /** The processes that are watched, those among them that others have forked since. */
  processes(): readonly number[] {
    return this.#filter.processes();
  }

  /** Watches further ports: who holds a map may change it. */
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
    return this.parts.costs();
  }

  losses(): LossCounts {
    return sumLosses(this.#losses);
  }

  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]();
    this.parts[Symbol.dispose]();
  }
}
