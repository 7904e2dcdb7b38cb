import koffi from 'koffi';
import { BpfError } from '../errors.ts';
import { describeErrno } from './errno.ts';

/** Numbers of fcntl.h. */
const setDescriptorFlags = 2;
const closeOnExecFlag = 1;

/** Whether a descriptor is closed when the process executes another program. Throws `BPF_PRIVILEGE_FAILED`. */
export function setCloseOnExec(fd: number, what: 'keep' | 'close'): void {
  const fcntl = koffi.load('libc.so.6').func('fcntl', 'int', ['int', 'int', 'int']);
  const flags = what === 'close' ? closeOnExecFlag : 0;
  if ((fcntl(fd, setDescriptorFlags, flags) as number) >= 0) return;
  throw new BpfError(`hand over descriptor ${fd}: ${describeErrno(-koffi.errno())}`, {
    code: 'BPF_PRIVILEGE_FAILED',
  });
}
