import type { StampEvent } from '../decoders/stamp-event.ts';

/** When a write's last byte was queued, sent and acknowledged, as far as that was stamped. */
export interface Stamps {
  readonly queuedNs?: number;
  readonly sentNs?: number;
  readonly ackedNs?: number;
}

/** Bounds of what is kept of TX timestamps. */
export interface StampLedgerOptions {
  /** Connections; the one that was stamped longest ago leaves. Default 16,384. */
  readonly connectionsMax?: number;
  /** Writes of one connection; the oldest leave. Default 16,384. */
  readonly writesMax?: number;
}

const fields = {
  left: 'sentNs',
  queued: 'queuedNs',
  sent: 'sentNs',
  acknowledged: 'ackedNs',
} as const;
const mostDefault = 16_384;

/** Keeps the TX timestamps of writes, by connection and by the offset at which a write ends. Pure. */
export class StampLedger {
  readonly #connectionsMax: number;
  readonly #writesMax: number;
  readonly #connections = new Map<number, Map<number, Stamps>>();

  constructor({ connectionsMax = mostDefault, writesMax = mostDefault }: StampLedgerOptions = {}) {
    this.#connectionsMax = connectionsMax;
    this.#writesMax = writesMax;
  }

  push({ kind, timeNs, queuedNs, cookie, endOffset }: StampEvent): void {
    const writes = this.#connections.get(cookie) ?? new Map<number, Stamps>();
    this.#connections.delete(cookie);
    this.#connections.set(cookie, writes);
    dropFirst(this.#connections, this.#connectionsMax);
    const known = writes.get(endOffset);
    // What is sent again is stamped again: the first time is when it left.
    if (known?.[fields[kind]] !== undefined) return;
    writes.set(endOffset, {
      ...known,
      [fields[kind]]: timeNs,
      ...(kind === 'left' ? { queuedNs } : {}),
    });
    dropFirst(writes, this.#writesMax);
  }

  /** The stamps of the write that ends there. */
  of(cookie: number, endOffset: number): Stamps | undefined {
    return this.#connections.get(cookie)?.get(endOffset);
  }
}

function dropFirst(map: Map<number, unknown>, most: number): void {
  if (map.size <= most) return;
  const first = map.keys().next();
  if (first.done !== true) map.delete(first.value);
}
