import { readFileSync } from 'node:fs';
import { messageOf, UnsupportedError } from '@millrace/stdx';
import type { Btf } from './btf.ts';
import { readBtfLazily } from './read-btf.ts';

export const kernelBtfPath = '/sys/kernel/btf/vmlinux';

/** The types of the running kernel. Throws an `UnsupportedError` where it does not tell them. */
export function readKernelBtf(): Btf {
  try {
    return readBtfLazily(readFileSync(kernelBtfPath));
  } catch (cause) {
    throw new UnsupportedError(`read the kernel's types: ${messageOf(cause)}`, {
      code: 'BPF_KERNEL_UNSUPPORTED',
      needs: `${kernelBtfPath}, which a kernel with CONFIG_DEBUG_INFO_BTF has`,
      cause,
    });
  }
}
