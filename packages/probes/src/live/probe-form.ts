import type { HandedOver } from '@millrace/bpf';
import type { ProgramState } from './probe-object.ts';

/** Takes a record's bytes: valid during the call only. */
export type RecordVisitor = (view: DataView, offset: number, byteLength: number) => void;

/** Probes that tell through a ring: connections, TCP underneath them, the threads of processes. */
export type KernelProbeName = 'sockets' | 'tcp-health' | 'run-queue';

/** A probe as one program leaves it to the next that the process executes: plain data, and descriptors by number. */
export interface HandedProbe {
  readonly name: KernelProbeName;
  readonly programs: readonly ProgramState[];
  readonly parts: HandedOver;
}
