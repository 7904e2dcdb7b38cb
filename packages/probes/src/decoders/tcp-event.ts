import { invalidEvent } from './invalid-event.ts';
import { readUint64 } from './read-uint64.ts';

/** What the TCP health probe tells of a connection. */
export type TcpEventKind =
  | 'ack'
  | 'retransmit'
  | 'reset'
  | 'queued'
  /** Only in recordings of earlier versions: the sockets probe tells of sockets that took no more. */
  | 'blocked'
  | 'released';

/** What TCP says limited a connection until an event (enum tcp_chrono). */
export type TcpLimit = 'none' | 'busy' | 'peer-window' | 'send-buffer';

/** One record of the TCP health probe. Offsets count the bytes that the server has written on the connection. */
export interface TcpEvent {
  readonly kind: TcpEventKind;
  readonly timeNs: number;
  /** When the wait began, of `queued` and `blocked`. */
  readonly beginNs: number;
  readonly cookie: number;
  readonly acked: number;
  readonly sent: number;
  readonly written: number;
  readonly segmentBegin: number;
  readonly segmentEnd: number;
  /** The peer's window, in bytes. */
  readonly window: number;
  readonly srttUs: number;
  /** Segments that the peer said it had already. */
  readonly duplicates: number;
  readonly localPort: number;
  /** `icsk_ca_state`: 0 open, 1 disorder, 2 reduced, 3 recovery, 4 loss. */
  readonly congestion: number;
  /** Timeouts in a row. */
  readonly timeouts: number;
  readonly limit: TcpLimit;
}

/*
 * struct tcp_event of tcp-health.bpf.c, little endian:
 *
 *   0 time_ns     8 begin_ns   16 cookie      24 acked        32 sent     40 written
 *  48 segment begin           56 segment end  64 window       68 srtt_us  72 duplicates
 *  76 local port 78 kind      79 congestion   80 timeouts     81 limit    82 padding (6)
 */
export const tcpEventBytes = 88;

const kinds: readonly (TcpEventKind | undefined)[] = [
  undefined,
  'ack',
  'retransmit',
  'reset',
  'queued',
  'blocked',
  'released',
];
const limits: readonly TcpLimit[] = ['none', 'busy', 'peer-window', 'send-buffer'];

/** Reads one record. Hot path: once an event; allocates the event. Throws `PROBES_EVENT_INVALID`. */
export function decodeTcpEvent(view: DataView, at: number, byteLength: number): TcpEvent {
  if (byteLength < tcpEventBytes)
    throw invalidEvent('TCP event', `${byteLength} bytes are no event`);
  const kind = kinds[view.getUint8(at + 78)];
  if (kind === undefined)
    throw invalidEvent('TCP event', `${view.getUint8(at + 78)} is no kind of event`);
  const limit = limits[view.getUint8(at + 81)];
  if (limit === undefined) throw invalidEvent('TCP event', `${view.getUint8(at + 81)} is no limit`);
  return {
    kind,
    timeNs: readUint64(view, at),
    beginNs: readUint64(view, at + 8),
    cookie: readUint64(view, at + 16),
    acked: readUint64(view, at + 24),
    sent: readUint64(view, at + 32),
    written: readUint64(view, at + 40),
    segmentBegin: readUint64(view, at + 48),
    segmentEnd: readUint64(view, at + 56),
    window: view.getUint32(at + 64, true),
    srttUs: view.getUint32(at + 68, true),
    duplicates: view.getUint32(at + 72, true),
    localPort: view.getUint16(at + 76, true),
    congestion: view.getUint8(at + 79),
    timeouts: view.getUint8(at + 80),
    limit,
  };
}
