import { closeSync } from 'node:fs';
import { openLibbpf } from '../sys/libbpf.ts';

/** Something that the kernel holds. */
export interface KernelObject {
  readonly kind: 'prog' | 'map' | 'link';
  readonly id: number;
}

/** What a descriptor stands for. */
export function kernelObjectOf(kind: KernelObject['kind'], fd: number): KernelObject {
  const state = new Uint32Array(64);
  const length = Uint32Array.of(state.byteLength);
  const status = openLibbpf().number('bpf_obj_get_info_by_fd', fd, state, length);
  if (status < 0) throw new Error(`ask about descriptor ${fd}: ${status}`);
  return { kind, id: state[1] ?? 0 };
}

/** Whether the kernel still holds it; asking needs CAP_SYS_ADMIN. */
export function isInKernel({ kind, id }: KernelObject): boolean {
  const fd = openLibbpf().number(`bpf_${kind}_get_fd_by_id`, id);
  if (fd >= 0) closeSync(fd);
  return fd >= 0;
}

/** Waits until the kernel has let go of all of them, which it does some time after the last descriptor is closed. */
export async function gone(objects: readonly KernelObject[], msMax = 5_000): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < msMax; waitedMs += 20) {
    if (!objects.some(isInKernel)) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
