import { ProbesError } from '../errors.ts';
import { readUint64 } from './read-uint64.ts';

/** When the last byte of a write got somewhere. */
export interface StampEvent {
  /** Into the queue of the network interface, to its driver, acknowledged by the peer. */
  readonly kind: 'queued' | 'sent' | 'acknowledged';
  readonly timeNs: number;
  readonly cookie: number;
  /** Bytes of the connection up to the end of the write. */
  readonly endOffset: number;
}

/* struct stamp_event of stamps.bpf.c, little endian:  0 time_ns  8 cookie  16 end_offset  24 local port  26 kind */
const eventBytes = 32;
const kinds = [undefined, 'queued', 'sent', 'acknowledged'] as const;

/** Reads one record of the probe of TX timestamps. Throws `PROBES_EVENT_INVALID`. */
export function decodeStampEvent(view: DataView, at: number, byteLength: number): StampEvent {
  const kind = byteLength < eventBytes ? undefined : kinds[view.getUint8(at + 26)];
  if (kind === undefined) {
    throw new ProbesError(`decode TX timestamp: ${byteLength} bytes are none of a known kind`, {
      code: 'PROBES_EVENT_INVALID',
    });
  }
  return {
    kind,
    timeNs: readUint64(view, at),
    cookie: readUint64(view, at + 8),
    endOffset: readUint64(view, at + 16),
  };
}
