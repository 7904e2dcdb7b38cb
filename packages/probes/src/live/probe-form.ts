import type { FilterMap } from './watch-filter.ts';

/** Takes a record's bytes: valid during the call only. */
export type RecordVisitor = (view: DataView, offset: number, byteLength: number) => void;

/** Probes that tell through a ring: connections, TCP underneath them, the threads of processes. */
export type KernelProbeName = 'sockets' | 'tcp-health' | 'run-queue';

/** Every probe that tells through a ring. */
export type RingProbeName = KernelProbeName | 'stamps' | 'tls';

/** Maps of the filter that each probe goes by. */
export const filtersOf: Readonly<Record<RingProbeName, readonly FilterMap[]>> = {
  sockets: ['ports', 'port_marks', 'targets', 'target_marks'],
  'tcp-health': ['port_marks'],
  'run-queue': ['targets', 'target_marks'],
  stamps: ['port_marks'],
  tls: ['targets', 'target_marks'],
};
