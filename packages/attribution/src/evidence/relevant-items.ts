import type { Timeline } from '../timeline/timeline.ts';
import type { EvidenceItem } from './evidence.ts';

/** The items that concern a request, in an order that does not depend on how they came. */
export function relevantItems(
  timeline: Timeline,
  items: readonly EvidenceItem[],
): readonly EvidenceItem[] {
  const { connectionId, streamId } = timeline;
  return items
    .filter(
      (item) =>
        (item.connectionId === undefined || item.connectionId === connectionId) &&
        (item.streamId === undefined || item.streamId === streamId),
    )
    .sort(
      (a, b) =>
        a.startNs - b.startNs ||
        a.endNs - b.endNs ||
        compareText(a.kind, b.kind) ||
        compareText(JSON.stringify(a), JSON.stringify(b)),
    );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
