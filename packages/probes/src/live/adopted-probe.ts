import { type AdoptedParts, openRingBuffer, type RingBuffer, takeOver } from '@millrace/bpf';
import type { HandedProbe, KernelProbeName, RecordVisitor } from './probe-form.ts';
import { type LossCounts, type ProgramState, sumLosses } from './probe-object.ts';

/** A probe that was attached before this program began; reading it needs no capability. Disposing detaches it. */
export class AdoptedProbe implements Disposable {
  readonly name: KernelProbeName;
  readonly programs: readonly ProgramState[];
  readonly #parts: AdoptedParts;
  readonly #ring: RingBuffer;

  /** Throws what @millrace/bpf throws where a descriptor is none. */
  constructor({ name, programs, parts }: HandedProbe) {
    this.name = name;
    this.programs = programs;
    this.#parts = takeOver(parts);
    this.#ring = openRingBuffer(this.#parts.map('events'), { wait: 'timer' });
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
