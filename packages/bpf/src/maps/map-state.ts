import { BpfError } from '../errors.ts';
import { describeErrno } from '../sys/errno.ts';
import type { Libbpf } from '../sys/libbpf.ts';

/** A map as the kernel tells of it. */
export interface MapState {
  readonly id: number;
  /** linux/bpf.h, enum bpf_map_type. */
  readonly type: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly entriesMax: number;
  readonly name: string;
}

/** Offsets in struct bpf_map_info (linux/bpf.h). */
const layout = {
  byteLength: 88,
  type: 0,
  id: 4,
  keyBytes: 8,
  valueBytes: 12,
  entriesMax: 16,
  name: 24,
};
const nameBytes = 16;

/** Asks the kernel about a map. Throws `BPF_MAP_FAILED` where it does not tell. */
export function readMapState(libbpf: Libbpf, fd: number): MapState {
  const bytes = Buffer.alloc(layout.byteLength);
  const length = Uint32Array.of(layout.byteLength);
  const status = libbpf.number('bpf_obj_get_info_by_fd', fd, bytes, length);
  if (status < 0) {
    throw new BpfError(`ask about map ${fd}: ${describeErrno(status)}`, { code: 'BPF_MAP_FAILED' });
  }
  return {
    id: bytes.readUInt32LE(layout.id),
    type: bytes.readUInt32LE(layout.type),
    keyBytes: bytes.readUInt32LE(layout.keyBytes),
    valueBytes: bytes.readUInt32LE(layout.valueBytes),
    entriesMax: bytes.readUInt32LE(layout.entriesMax),
    name: bytes.toString('utf8', layout.name, layout.name + nameBytes).replace(/\0.*$/s, ''),
  };
}
