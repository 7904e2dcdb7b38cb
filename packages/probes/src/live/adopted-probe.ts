import { type AdoptedParts, openRingBuffer, type RingBuffer, takeOver } from '@millrace/bpf';
import {
  filtersOf,
  type HandedProbe,
  type RecordVisitor,
  type RingProbeName,
} from './probe-form.ts';
import { type LossCounts, type ProgramState, sumLosses } from './probe-object.ts';
import { ProbeFilter } from './watch-filter.ts';

/** A probe that was attached before this program began; reading it needs no capability. Disposing detaches it. */
export class AdoptedProbe implements Disposable {
  readonly name: RingProbeName;
  readonly programs: readonly ProgramState[];
  readonly #parts: AdoptedParts;
  readonly #ring: RingBuffer;
  readonly #filter: ProbeFilter;

  /** Throws what @millrace/bpf throws where a descriptor is none. */
  constructor({ name, programs, parts }: HandedProbe) {
    this.name = name;
    this.programs = programs;
    this.#parts = takeOver(parts);
    this.#ring = openRingBuffer(this.#parts.map('events'), { wait: 'timer' });
    this.#filter = new ProbeFilter(this.#parts, filtersOf[name]);
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

  /** Watches further processes. */
  addProcesses(tgids: readonly number[]): void {
    this.#filter.addProcesses(tgids);
  }

  /** Hands over what there is, up to so many records; how many. */
  drain(visit: RecordVisitor, recordsMax: number): number {
    return this.#ring.drain(visit, recordsMax);
  }

  losses(): LossCounts {
    return sumLosses(this.#parts.map('losses'));
  }

  [Symbol.dispose](): void {
    this.#ring[Symbol.dispose]();
    this.#parts[Symbol.dispose]();
  }
}
