import { AttributionError } from '../errors.ts';
import type { ResolvedAttributionOptions } from '../options.ts';

/** What a probe was watching. A cause is only given where what could contradict it was watched. */
export type Watch = 'scheduler' | 'tcp' | 'flow_control';

/** What was watched while a request ran, and what was found. Whoever has probes fulfils it. */
export interface Evidence {
  readonly watched: readonly Watch[];
  /** In any order. Items of other connections or streams are left alone. */
  readonly items: readonly EvidenceItem[];
}

interface Scope {
  /** The connection it is of; for every connection where it is left out. */
  readonly connectionId?: string;
  /** The HTTP/2 stream it is of; for every stream of the connection where it is left out. */
  readonly streamId?: number;
  readonly startNs: number;
  readonly endNs: number;
}

/** A thread of the server could run and did not: from the wakeup, or from losing the CPU, to the switch. */
export interface RunQueueWait extends Scope {
  readonly kind: 'run_queue';
  readonly threadId: number;
}

/** A thread of the server was held by its cgroup's CPU limit. */
export interface Throttling extends Scope {
  readonly kind: 'throttled';
  readonly threadId?: number;
}

/** A write slept in the call, or would have slept and was told EAGAIN until the socket was writable again. */
export interface BlockedWrite extends Scope {
  readonly kind: 'write_blocked';
}

/** TCP's own account (`chrono_type`) says that the send buffer limits it. */
export interface SendBufferLimit extends Scope {
  readonly kind: 'sndbuf_limited';
}

/** TCP's own account says that the peer's window limits it, or that it had data and the window had no room. */
export interface PeerWindowLimit extends Scope {
  readonly kind: 'rwnd_limited';
}

/** The peer's window was zero (`snd_wnd`). */
export interface ZeroWindow extends Scope {
  readonly kind: 'zero_window';
}

/**
 * Data was sent again. `startNs` is when it had been sent first, as far as known; `atNs` when it was sent again; `endNs`
 * when the recovery ended: all that was in flight at `atNs` was acknowledged.
 */
export interface Retransmit extends Scope {
  readonly kind: 'retransmit';
  readonly trigger: 'rto' | 'fast' | 'tlp' | 'spurious';
  readonly atNs: number;
}

/** Packets of the connection waited in a queue of this machine. */
export interface LocalQueue extends Scope {
  readonly kind: 'local_queue';
}

/** HTTP/2 flow control let no data go: the window of the stream, or of the whole connection, was used up. */
export interface WindowExhausted extends Scope {
  readonly kind: 'h2_window';
  readonly window: 'stream' | 'connection';
}

/** Flow control cannot come loose by itself: nothing that could still be sent would make the peer open the window. */
export interface FlowControlDeadlock extends Scope {
  readonly kind: 'h2_deadlock';
}

/** The peer left, or said that it wants no more. Its moment is `startNs`, and `endNs` equals it. */
export interface PeerGone extends Scope {
  readonly kind: 'peer_gone';
  readonly how: 'rst_stream' | 'rst' | 'fin';
  /** The HTTP/2 error code, or the kernel's reason of a reset. */
  readonly code?: number;
}

/** Events of a probe were lost in this window: what it would have said is not known. */
export interface EventsLost extends Scope {
  readonly kind: 'events_lost';
  readonly count?: number;
}

export type EvidenceItem =
  | RunQueueWait
  | Throttling
  | BlockedWrite
  | SendBufferLimit
  | PeerWindowLimit
  | ZeroWindow
  | Retransmit
  | LocalQueue
  | WindowExhausted
  | FlowControlDeadlock
  | PeerGone
  | EventsLost;

/** Throws an `AttributionError` that names what is wrong with an item. */
export function checkEvidence(evidence: Evidence, options: ResolvedAttributionOptions): void {
  const { items } = evidence;
  if (items.length > options.itemsMax) {
    throw invalid(`${items.length} items; the limit is ${options.itemsMax}`);
  }
  for (const [index, item] of items.entries()) {
    const times =
      item.kind === 'retransmit'
        ? [item.startNs, item.atNs, item.endNs]
        : [item.startNs, item.endNs];
    if (!times.every((time) => Number.isSafeInteger(time))) {
      throw invalid(`items[${index}], ${item.kind}: ${times.join(', ')} are not times in whole ns`);
    }
    if (times.some((time, at) => time < (times[at - 1] ?? time))) {
      throw invalid(`items[${index}], ${item.kind}: ${times.join(', ')} are not in order`);
    }
  }
}

function invalid(message: string): AttributionError {
  return new AttributionError(message, { code: 'ATTRIBUTION_EVIDENCE_INVALID' });
}
