import { readdirSync } from 'node:fs';
import koffi from 'koffi';

/** sched.h, SCHED_IDLE. */
const idlePolicy = 5;

/**
 * From now on this process runs only where no other wants the processor, and others take it at once, instead of at the
 * next tick of the timer. Threads that begin later are as their makers are. Without privileges it is for good. Where all
 * processors are busy all the time, the process hardly runs any more.
 */
export function yieldProcessor(): void {
  const libc = koffi.load('libc.so.6');
  const setScheduler = libc.func('sched_setscheduler', 'int', ['int', 'int', 'void *']);
  const priority = new Int32Array(1);
  // A thread that has ended meanwhile needs nothing.
  for (const thread of readdirSync('/proc/self/task'))
    setScheduler(Number(thread), idlePolicy, priority);
}
