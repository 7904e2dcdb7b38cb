import type { PeerGone } from './evidence/evidence.ts';
import type { Timeline } from './timeline/timeline.ts';

/** What a server did for a client that had gone. */
export interface AbandonedWork {
  readonly how: PeerGone['how'];
  readonly goneNs: number;
  /** From the client's leaving until the server stopped. */
  readonly ns: number;
  readonly writes: number;
  readonly bytes: number;
  readonly events: number;
  readonly chunks: number;
}

/** Counts what came after the client had gone; nothing where it had not. */
export function abandonedWork(
  timeline: Timeline,
  departure: PeerGone | undefined,
): AbandonedWork | undefined {
  if (departure === undefined) return undefined;
  const { how, startNs: goneNs } = departure;
  const after = timeline.writes.filter(({ startNs }) => startNs > goneNs);
  const count = (field: 'bytes' | 'events' | 'chunks'): number =>
    after.reduce((sum, write) => sum + write[field], 0);
  return {
    how,
    goneNs,
    ns: timeline.endNs - goneNs,
    writes: after.length,
    bytes: count('bytes'),
    events: count('events'),
    chunks: count('chunks'),
  };
}
