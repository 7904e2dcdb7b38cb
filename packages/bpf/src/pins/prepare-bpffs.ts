import { readFileSync, statSync } from 'node:fs';
import { UnsupportedError } from '@millrace/stdx';
import { effectiveCapabilities } from '../programs/capabilities.ts';
import { mountOwnBpffs } from '../sys/mount-bpffs.ts';
import { bpffsPath } from './pin-folder.ts';

export interface BpffsOptions {
  /** True: somebody else than root must be able to reach the pins. */
  readonly isForOthers?: boolean;
  /** True: one of our own in any case. */
  readonly isOwn?: boolean;
}

/**
 * Sees to it that pins can be made at `/sys/fs/bpf`. Where bpffs is not mounted there, or only root may enter it, it is
 * mounted in a mount namespace of our own: seen by what this thread starts or executes from then on, and gone with the
 * last of them. Throws an `UnsupportedError` without CAP_SYS_ADMIN, or `BPF_PIN_FAILED`.
 */
export function prepareBpffs({ isForOthers = false, isOwn = false }: BpffsOptions = {}):
  | 'theirs'
  | 'own' {
  const state = bpffsState();
  if (!isOwn && (state === 'open' || (state === 'closed' && !isForOthers))) return 'theirs';
  if (!effectiveCapabilities().has('CAP_SYS_ADMIN')) {
    throw new UnsupportedError(
      `pin at ${bpffsPath}: bpffs is ${state}, and mounting one of our own needs CAP_SYS_ADMIN`,
      { code: 'BPF_CAPABILITY_MISSING', needs: `CAP_SYS_ADMIN, or bpffs mounted at ${bpffsPath}` },
    );
  }
  mountOwnBpffs(bpffsPath);
  return 'own';
}

/** Whether bpffs is mounted where it belongs, and whether others than its owner may enter. */
export function bpffsState(): 'open' | 'closed' | 'missing' {
  // The calling thread's mounts, which may be its own.
  const mounts = readFileSync('/proc/thread-self/mounts', 'utf8');
  const isMounted = mounts.split('\n').some((line) => {
    const [, path, type] = line.split(' ');
    return path === bpffsPath && type === 'bpf';
  });
  if (!isMounted) return 'missing';
  return (statSync(bpffsPath).mode & 0o001) === 0 ? 'closed' : 'open';
}
