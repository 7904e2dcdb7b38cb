import type { OutputWrite } from '../timeline/timeline.ts';
import type { EvidenceItem, Retransmit } from './evidence.ts';

/** A retransmission with the time that it stands for: from when the data was sent first until the recovery ended. */
export interface Recovery {
  readonly startNs: number;
  readonly endNs: number;
  readonly item: Retransmit;
}

/**
 * Where a probe does not know when the data had been sent first (`startNs` equals `atNs`), it is the oldest write that
 * had left and was not acknowledged. A spurious retransmission repaired nothing, so that it stands for no time.
 */
export function recoveriesOf(
  items: readonly EvidenceItem[],
  writes: readonly OutputWrite[],
): readonly Recovery[] {
  return items
    .filter((item) => item.kind === 'retransmit')
    .filter(({ trigger }) => trigger !== 'spurious')
    .map((item) => ({
      startNs: item.startNs < item.atNs ? item.startNs : oldestInFlightNs(item.atNs, writes),
      endNs: item.endNs,
      item,
    }));
}

function oldestInFlightNs(atNs: number, writes: readonly OutputWrite[]): number {
  const oldest = writes.find(
    ({ startNs, ackedNs }) => startNs < atNs && ackedNs !== undefined && ackedNs > atNs,
  );
  return oldest === undefined ? atNs : Math.min(oldest.sentNs ?? oldest.endNs, atNs);
}
