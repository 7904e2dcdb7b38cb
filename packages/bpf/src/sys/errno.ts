import { getSystemErrorMap } from 'node:util';

/** Errnos that are decided by (asm-generic/errno.h). */
export const errno = {
  notPermitted: 1,
  noEntry: 2,
  accessDenied: 13,
  exists: 17,
  invalid: 22,
  noSpace: 28,
  notSupported: 524,
  operationNotSupported: 95,
} as const;

/** `EPERM, operation not permitted` of a negative errno. */
export function describeErrno(status: number): string {
  // The kernel's own ENOTSUPP (linux/errno.h) is none of the C library's.
  if (status === -errno.notSupported) return 'ENOTSUPP, not supported by the kernel';
  const [code, text] = getSystemErrorMap().get(status) ?? [`errno ${-status}`, 'unknown'];
  return `${code}, ${text}`;
}
