import type { Timeline } from '../timeline/timeline.ts';
import type { EvidenceItem, PeerGone } from './evidence.ts';

/**
 * When the peer had gone while the server was still at it. A FIN alone may be a client that has only finished asking: it
 * counts when a reset follows, or when the answer was cut.
 */
export function departureOf(
  timeline: Timeline,
  items: readonly EvidenceItem[],
): PeerGone | undefined {
  const signs = items
    .filter((item) => item.kind === 'peer_gone')
    .filter(({ startNs }) => startNs >= timeline.startNs && startNs < timeline.endNs);
  const reset = signs.find(({ how }) => how !== 'fin');
  const fin = signs.find(({ how }) => how === 'fin');
  if (fin === undefined) return reset;
  if (reset === undefined) return timeline.end === 'cut' ? fin : undefined;
  return fin.startNs <= reset.startNs ? fin : reset;
}
