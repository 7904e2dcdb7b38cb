import { constants } from 'node:os';
import koffi from 'koffi';

/** signal.h: SIG_BLOCK and SIG_SETMASK; a set of signals has 1,024 bits. */
const [block, setMask] = [0, 2];
const setBytes = 128;

/**
 * Runs something during which the profiler's signal waits. A call into the kernel that takes long and gives up at a
 * signal never comes to its end where signals come all the time: the verifier of a program does so (kernel/bpf/verifier.c,
 * do_check), and after five times libbpf gives up too.
 */
export function withoutProfilerSignal<Result>(run: () => Result): Result {
  const libc = koffi.load('libc.so.6');
  const change = libc.func('sigprocmask', 'int', ['int', 'void *', 'void *']);
  const held = new Uint8Array(setBytes);
  const bit = constants.signals.SIGPROF - 1;
  held[bit >>> 3] = 1 << (bit & 7);
  const before = new Uint8Array(setBytes);
  const hasChanged = change(block, held, before) === 0;
  try {
    return run();
  } finally {
    if (hasChanged) change(setMask, before, null);
  }
}
