import { closeSync } from 'node:fs';
import { UnsupportedError } from '@millrace/stdx';
import { describeErrno } from '../sys/errno.ts';
import { openLibbpf } from '../sys/libbpf.ts';

/** linux/bpf.h, enum bpf_stats_type. */
const runTime = 0;

/**
 * Has the kernel count the runs of all programs and their time until it is disposed, or this process ends. Counting costs
 * each run some 20 to 40 ns. Throws an `UnsupportedError` without CAP_SYS_ADMIN or before Linux 5.8.
 */
export function countRuns(): Disposable {
  const fd = openLibbpf().number('bpf_enable_stats', runTime);
  if (fd < 0) {
    throw new UnsupportedError(`count runs of programs: ${describeErrno(fd)}`, {
      code: 'BPF_STATISTICS_MISSING',
      needs: 'CAP_SYS_ADMIN and kernel >= 5.8',
    });
  }
  let isOpen = true;
  return {
    [Symbol.dispose]() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}
