import { invalidEvent } from './invalid-event.ts';
import { readUint64 } from './read-uint64.ts';

/** A thread of a watched process could run and did not. */
export interface RunQueueEvent {
  readonly beginNs: number;
  readonly endNs: number;
  readonly tgid: number;
  readonly tid: number;
  /** Held by its cgroup's limit, not by other work. */
  readonly isThrottled: boolean;
}

/*
 * struct run_queue_event of run-queue.bpf.c, little endian:
 *
 *   0 begin_ns   8 end_ns   16 tgid   20 tid   24 is_throttled   25 padding (7)
 */
export const runQueueEventBytes = 32;

/** Reads one record. Hot path: once an event; allocates the event. Throws `PROBES_EVENT_INVALID`. */
export function decodeRunQueueEvent(view: DataView, at: number, byteLength: number): RunQueueEvent {
  if (byteLength < runQueueEventBytes) {
    throw invalidEvent('run-queue event', `${byteLength} bytes are no event`);
  }
  return {
    beginNs: readUint64(view, at),
    endNs: readUint64(view, at + 8),
    tgid: view.getUint32(at + 16, true),
    tid: view.getUint32(at + 20, true),
    isThrottled: view.getUint8(at + 24) !== 0,
  };
}
