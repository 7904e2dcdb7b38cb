import { type AdoptedParts, type BpfMap, type HandedOver, takeOver } from '@millrace/bpf';
import { costsOf, type ProbeParts, type ProgramCost, type ProgramState } from './probe-parts.ts';

/** What one program leaves of an object to the next that the process executes: plain data, and descriptors by number. */
export interface HandedParts {
  readonly programs: readonly ProgramState[];
  readonly parts: HandedOver;
}

/** An object that was attached before this program began; reading it needs no capability. Disposing detaches it. */
export class AdoptedObject implements ProbeParts {
  readonly programs: readonly ProgramState[];
  readonly #name: string;
  readonly #parts: AdoptedParts;

  /** Throws what @millrace/bpf throws where a descriptor is none. */
  constructor(name: string, { programs, parts }: HandedParts) {
    this.#name = name;
    this.programs = programs;
    this.#parts = takeOver(parts);
  }

  map(name: string): BpfMap {
    return this.#parts.map(name);
  }

  costs(): readonly ProgramCost[] {
    return costsOf({ name: this.#name, programs: this.programs }, (name) =>
      this.#parts.programState(name),
    );
  }

  [Symbol.dispose](): void {
    this.#parts[Symbol.dispose]();
  }
}
