import { BpfError } from '../errors.ts';
import type { ProgramSpec } from '../spec/object-spec.ts';
import type { Libbpf, Pointer } from '../sys/libbpf.ts';
import { readProgramState, type ProgramState } from './program-state.ts';

interface Parts {
  readonly libbpf: Libbpf;
  readonly spec: ProgramSpec;
  readonly address: Pointer;
  readonly isMulti: boolean;
  readonly isOpen: () => boolean;
}

/** A program in the kernel. It belongs to the object that it was loaded with, and is closed with it. */
export class Program {
  readonly spec: ProgramSpec;
  readonly name: string;
  /** Whether it was loaded for links with many user-space probes. */
  readonly isMulti: boolean;
  /** Of use to attaching only. */
  readonly libbpf: Libbpf;
  readonly #address: Pointer;
  readonly #isOpen: () => boolean;

  constructor({ libbpf, spec, address, isMulti, isOpen }: Parts) {
    this.isMulti = isMulti;
    this.libbpf = libbpf;
    this.spec = spec;
    this.name = spec.name;
    this.#address = address;
    this.#isOpen = isOpen;
  }

  /** libbpf's handle. Throws `BPF_CLOSED`. */
  get address(): Pointer {
    if (this.#isOpen()) return this.#address;
    throw new BpfError(`use program "${this.name}": its object was closed`, { code: 'BPF_CLOSED' });
  }

  get fd(): number {
    return this.libbpf.number('bpf_program__fd', this.address);
  }

  /** What the kernel tells of it: id, tag, runs and their time where statistics are on. */
  state(): ProgramState {
    return readProgramState(this.libbpf, this.fd);
  }
}
