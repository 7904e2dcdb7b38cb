import { BpfError } from '../errors.ts';
import { describeErrno } from '../sys/errno.ts';
import { allocate, type NativeBlock } from '../sys/memory.ts';
import type { Program } from './program.ts';

/** What a program returned, and the mean time of a run as the kernel took it, in whole nanoseconds. */
export interface TestRunResult {
  readonly result: number;
  readonly meanNs: number;
}

/** Offsets in struct bpf_test_run_opts of libbpf 1.1. */
const layout = {
  byteLength: 80,
  dataIn: 8,
  dataInBytes: 24,
  result: 56,
  repeat: 60,
  duration: 64,
} as const;

/** Runs a program of section `tc` in the kernel over bytes that stand for a packet, without attaching it. */
export class TestRun implements Disposable {
  readonly #program: Program;
  readonly #data: NativeBlock;
  readonly #options: NativeBlock;
  readonly #view: DataView;

  constructor(program: Program, packet: Uint8Array) {
    this.#program = program;
    this.#data = allocate(packet.byteLength);
    this.#data.bytes.set(packet);
    this.#options = allocate(layout.byteLength);
    this.#view = new DataView(this.#options.bytes.buffer);
    this.#view.setBigUint64(0, BigInt(layout.byteLength), true);
    this.#view.setBigUint64(layout.dataIn, this.#data.address, true);
    this.#view.setUint32(layout.dataInBytes, packet.byteLength, true);
  }

  /** Runs it so often in one call. Throws `BPF_LOAD_FAILED` where the kernel does not, as for a kind that it cannot test. */
  run(repeat: number): TestRunResult {
    this.#view.setInt32(layout.repeat, repeat, true);
    const { libbpf, fd, name } = this.#program;
    const status = libbpf.number('bpf_prog_test_run_opts', fd, this.#options.address);
    if (status < 0) {
      throw new BpfError(`run program "${name}" ${repeat} times: ${describeErrno(status)}`, {
        code: 'BPF_LOAD_FAILED',
      });
    }
    return {
      result: this.#view.getUint32(layout.result, true),
      meanNs: this.#view.getUint32(layout.duration, true),
    };
  }

  [Symbol.dispose](): void {
    this.#data[Symbol.dispose]();
    this.#options[Symbol.dispose]();
  }
}
