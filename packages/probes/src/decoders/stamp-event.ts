import { invalidEvent } from './invalid-event.ts';
import { readUint64 } from './read-uint64.ts';

/** When the last byte of a write got somewhere. */
export interface StampEvent {
  /** Into the queue of the network interface, to its driver, acknowledged by the peer; `left`: the first two. */
  readonly kind: 'queued' | 'sent' | 'acknowledged' | 'left';
  /** When it was there; of `left`, with the driver. */
  readonly timeNs: number;
  /** When a write that left was queued; 0 otherwise. */
  readonly queuedNs: number;
  readonly cookie: number;
  /** Bytes of the connection up to the end of the write. */
  readonly endOffset: number;
}

/*
 * struct stamp_event of stamps.bpf.c, little endian:
 *
 *   0 time_ns   8 cookie   16 end_offset   24 local port   26 kind   27 padding (5)   32 queued_ns, of `left` only
 */
const eventBytes = 32;
const leftBytes = 40;
const kinds = [undefined, 'queued', 'sent', 'acknowledged', 'left'] as const;

/** Reads one record of the probe of TX timestamps. Throws `PROBES_EVENT_INVALID`. */
export function decodeStampEvent(view: DataView, at: number, byteLength: number): StampEvent {
  const kind = byteLength < eventBytes ? undefined : kinds[view.getUint8(at + 26)];
  if (kind === undefined || (kind === 'left' && byteLength < leftBytes)) {
    throw invalidEvent('TX timestamp', `${byteLength} bytes are none of a known kind`);
  }
  return {
    kind,
    timeNs: readUint64(view, at),
    queuedNs: kind === 'left' ? readUint64(view, at + 32) : 0,
    cookie: readUint64(view, at + 8),
    endOffset: readUint64(view, at + 16),
  };
}
