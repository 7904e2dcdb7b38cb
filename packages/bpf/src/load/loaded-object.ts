import type { UnsupportedError } from '@millrace/stdx';
import { BpfError } from '../errors.ts';
import { BpfMap } from '../maps/bpf-map.ts';
import { Program } from '../programs/program.ts';
import type { ObjectSpec } from '../spec/object-spec.ts';
import type { Libbpf, Pointer } from '../sys/libbpf.ts';
import { findMap, findProgram } from './load-attempt.ts';
import type { LoadReport } from './load-report.ts';

interface Parts {
  readonly libbpf: Libbpf;
  readonly spec: ObjectSpec;
  readonly object: Pointer;
  readonly report: LoadReport;
  readonly faults: ReadonlyMap<string, BpfError | UnsupportedError>;
  readonly isMulti: boolean;
}

/**
 * Programs and maps in the kernel. Disposing closes them: programs that are attached and maps that are pinned live on
 * in the kernel until their links and pins go.
 */
export class LoadedObject implements Disposable {
  readonly report: LoadReport;
  readonly spec: ObjectSpec;
  readonly #libbpf: Libbpf;
  readonly #faults: Parts['faults'];
  readonly #isMulti: boolean;
  #object: Pointer | undefined;

  constructor({ libbpf, spec, object, report, faults, isMulti }: Parts) {
    this.#isMulti = isMulti;
    this.#libbpf = libbpf;
    this.#object = object;
    this.#faults = faults;
    this.spec = spec;
    this.report = report;
  }

  /** A loaded program. Throws the fault that kept it out, `BPF_PROGRAM_NOT_LOADED` or `BPF_PROGRAM_UNKNOWN`. */
  program(name: string): Program {
    const object = this.#open();
    const spec = this.spec.programs.find((program) => program.name === name);
    if (spec === undefined) {
      throw new BpfError(`take program "${name}": the object has none of that name`, {
        code: 'BPF_PROGRAM_UNKNOWN',
      });
    }
    const fault = this.#faults.get(name);
    if (fault !== undefined) throw fault;
    const address = findProgram(this.#libbpf, object, name);
    if (this.#libbpf.number('bpf_program__fd', address) < 0) {
      throw new BpfError(
        `take program "${name}": it was not asked for when the object was loaded`,
        {
          code: 'BPF_PROGRAM_NOT_LOADED',
        },
      );
    }
    return new Program({
      libbpf: this.#libbpf,
      spec,
      address,
      isMulti: this.#isMulti && (spec.kind === 'uprobe' || spec.kind === 'uretprobe'),
      isOpen: () => this.#object !== undefined,
    });
  }

  /** A map, also `.rodata`, `.data` and `.bss`. Throws `BPF_MAP_UNKNOWN`, also where no loaded program uses it. */
  map(name: string): BpfMap {
    const address = findMap(this.#libbpf, this.#open(), name);
    const fd = this.#libbpf.number('bpf_map__fd', address);
    if (fd < 0) {
      throw new BpfError(`take map "${name}": no program that was loaded uses it`, {
        code: 'BPF_MAP_UNKNOWN',
      });
    }
    return new BpfMap({
      libbpf: this.#libbpf,
      name,
      fd,
      isOpen: () => this.#object !== undefined,
    });
  }

  [Symbol.dispose](): void {
    if (this.#object === undefined) return;
    this.#libbpf.number('bpf_object__close', this.#object);
    this.#object = undefined;
  }

  #open(): Pointer {
    if (this.#object !== undefined) return this.#object;
    throw new BpfError('use an eBPF object: it was closed', { code: 'BPF_CLOSED' });
  }
}
