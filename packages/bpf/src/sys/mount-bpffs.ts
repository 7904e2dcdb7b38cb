import koffi from 'koffi';
import { BpfError } from '../errors.ts';
import { describeErrno } from './errno.ts';

/** linux/sched.h, CLONE_NEWNS; linux/mount.h, MS_REC and MS_PRIVATE. */
const newMounts = 0x0002_0000;
const recursivePrivate = 0x4000 + 0x4_0000;

/**
 * Gives the calling thread a mount namespace of its own and mounts bpffs there. What the process executes next, and what
 * it starts, is in it; it goes with the last of them. Throws `BPF_PIN_FAILED`.
 */
export function mountOwnBpffs(path: string): void {
  const library = koffi.load('libc.so.6');
  const unshare = library.func('unshare', 'int', ['int']);
  const mount = library.func('mount', 'int', [
    'const char *',
    'const char *',
    'const char *',
    'uint64_t',
    'const char *',
  ]);
  const must = (what: string, status: number): void => {
    if (status >= 0) return;
    throw new BpfError(`mount bpffs at ${path}: ${what}: ${describeErrno(-koffi.errno())}`, {
      code: 'BPF_PIN_FAILED',
    });
  };
  must('make a mount namespace', unshare(newMounts) as number);
  must('keep its mounts apart', mount('none', '/', null, recursivePrivate, null) as number);
  must('mount', mount('bpf', path, 'bpf', 0, 'mode=0755') as number);
}
