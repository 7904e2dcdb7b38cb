import { closeSync, openSync } from 'node:fs';
import { BpfError } from '../errors.ts';
import { describeErrno } from './errno.ts';
import { openLibc } from './libc.ts';

/** linux/sched.h, CLONE_NEWNET. */
const networkKind = 0x4000_0000;
const own = '/proc/thread-self/ns/net';

/** Runs something in another network namespace, on this thread, and comes back. Throws `BPF_ATTACH_FAILED`. */
export function withinNetworkNamespace<Result>(
  path: string | undefined,
  run: () => Result,
): Result {
  if (path === undefined) return run();
  const libc = openLibc();
  const back = openSync(own, 'r');
  try {
    const there = openNamespace(path);
    try {
      enter(libc.enterNamespace(there, networkKind), path);
      try {
        return run();
      } finally {
        enter(libc.enterNamespace(back, networkKind), own);
      }
    } finally {
      closeSync(there);
    }
  } finally {
    closeSync(back);
  }
}

function openNamespace(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new BpfError(`enter network namespace ${path}: it cannot be opened`, {
      code: 'BPF_ATTACH_FAILED',
      cause,
    });
  }
}

function enter(status: number, path: string): void {
  if (status >= 0) return;
  throw new BpfError(`enter network namespace ${path}: ${describeErrno(status)}`, {
    code: 'BPF_ATTACH_FAILED',
  });
}
