import { closeSync } from 'node:fs';
import { UnsupportedError } from '@millrace/stdx';
import { setCloseOnExec } from '../sys/descriptors.ts';
import { describeErrno } from '../sys/errno.ts';
import { openLibbpf } from '../sys/libbpf.ts';

/** linux/bpf.h, enum bpf_stats_type. */
const runTime = 0;

/**
 * Has the kernel count the runs of all programs and their time until it is disposed, or this process ends. Counting costs
 * each run some 20 to 40 ns. Throws an `UnsupportedError` without CAP_SYS_ADMIN or before Linux 5.8.
 */
export function countRuns(): RunCount {
  const fd = openLibbpf().number('bpf_enable_stats', runTime);
  if (fd < 0) {
    throw new UnsupportedError(`count runs of programs: ${describeErrno(fd)}`, {
      code: 'BPF_STATISTICS_MISSING',
      needs: 'CAP_SYS_ADMIN and kernel >= 5.8',
    });
  }
  return new RunCount(fd);
}

/**
 * The count that the program before this one has left to it, by what `handOver` told; holding it needs no capability. Throws
 * `BPF_PRIVILEGE_FAILED` where the descriptor is none.
 */
export function takeOverCount(fd: number): RunCount {
  setCloseOnExec(fd, 'close');
  return new RunCount(fd);
}

/** The kernel counts while this is held. Disposing lets go of it. */
export class RunCount implements Disposable {
  readonly #fd: number;
  #isOpen = true;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Leaves the count to what this process executes next: the number to take it over by. */
  handOver(): number {
    setCloseOnExec(this.#fd, 'keep');
    return this.#fd;
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) closeSync(this.#fd);
    this.#isOpen = false;
  }
}
