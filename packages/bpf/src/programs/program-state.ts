import { BpfError } from '../errors.ts';
import { describeErrno } from '../sys/errno.ts';
import type { Libbpf } from '../sys/libbpf.ts';

/** A program as the kernel tells of it. */
export interface ProgramState {
  readonly id: number;
  /** SHA-1 of its instructions, cut to 8 bytes, in hex. */
  readonly tag: string;
  readonly name: string;
  /** Runs and the time they took, while the kernel's statistics were on. */
  readonly runs: bigint;
  readonly runNs: bigint;
  /** Runs that did not happen because the program was running on that processor. */
  readonly runsMissed: bigint;
  readonly verifiedInstructions: number;
}

/** Offsets in struct bpf_prog_info (linux/bpf.h). */
const layout = {
  byteLength: 232,
  id: 4,
  tag: 8,
  name: 64,
  runNs: 192,
  runs: 200,
  runsMissed: 208,
  verifiedInstructions: 216,
} as const;
const nameBytes = 16;
const tagBytes = 8;

/** Asks the kernel about a program. Throws `BPF_LOAD_FAILED` where it does not tell. */
export function readProgramState(libbpf: Libbpf, fd: number): ProgramState {
  const bytes = Buffer.alloc(layout.byteLength);
  const length = Uint32Array.of(layout.byteLength);
  const status = libbpf.number('bpf_obj_get_info_by_fd', fd, bytes, length);
  if (status < 0) {
    throw new BpfError(`ask about program ${fd}: ${describeErrno(status)}`, {
      code: 'BPF_LOAD_FAILED',
    });
  }
  return {
    id: bytes.readUInt32LE(layout.id),
    tag: bytes.toString('hex', layout.tag, layout.tag + tagBytes),
    name: bytes.toString('utf8', layout.name, layout.name + nameBytes).replace(/\0.*$/s, ''),
    runNs: bytes.readBigUInt64LE(layout.runNs),
    runs: bytes.readBigUInt64LE(layout.runs),
    runsMissed: bytes.readBigUInt64LE(layout.runsMissed),
    verifiedInstructions: bytes.readUInt32LE(layout.verifiedInstructions),
  };
}
