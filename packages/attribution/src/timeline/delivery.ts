import { firstIndex } from '@millrace/stdx';
import type { ResolvedAttributionOptions } from '../options.ts';
import type { Cover } from './interval.ts';
import type { OutputWrite } from './timeline.ts';

/** What can hold data back between the write and the peer. */
export interface Holds {
  /** Nothing new arrives while one of these lasts: recoveries, zero windows. */
  readonly complete: Cover;
  /** Data arrives, at the pace that the peer or a queue allows; a write's own acknowledgement says when. */
  readonly partial: Cover;
}

/** When each piece had reached the peer's kernel, in order: a stream is only as far as its slowest byte. */
export function deliveriesNs(
  pieces: readonly OutputWrite[],
  holds: Holds,
  options: ResolvedAttributionOptions,
): readonly number[] {
  let latestNs = 0;
  return pieces.map((piece, index) => {
    const reachedNs = reachNs(piece, holds, options);
    latestNs = index === 0 ? reachedNs : Math.max(latestNs, reachedNs);
    return latestNs;
  });
}

/**
 * An acknowledgement alone does not say when data arrived, because the peer may delay it. So a write counts as arrived
 * when it left, unless something is known to have held it, or the acknowledgement is later than delaying explains.
 */
function reachNs(write: OutputWrite, holds: Holds, options: ResolvedAttributionOptions): number {
  const leftNs = write.sentNs ?? Math.max(write.queuedNs ?? 0, write.endNs);
  const { ackedNs } = write;
  const throughNs = holdEndNs(leftNs, holds.complete, options.skewNsMax);
  if (ackedNs === undefined) return throughNs;
  const pacedNs = Math.max(throughNs, holdEndNs(leftNs, holds.partial, options.skewNsMax));
  const heldNs = Math.max(leftNs, Math.min(pacedNs, ackedNs));
  return ackedNs - heldNs > options.ackDelayNsMax ? ackedNs : heldNs;
}

/** Follows holds that begin, within the skew, before the one before them has ended. */
function holdEndNs(fromNs: number, cover: Cover, skewNs: number): number {
  let atNs = fromNs;
  const first = firstIndex(cover, ({ endNs }) => endNs > fromNs);
  for (let index = first; index < cover.length; index++) {
    const hold = cover[index];
    if (hold === undefined || hold.startNs - skewNs > atNs) return atNs;
    atNs = Math.max(atNs, hold.endNs);
  }
  return atNs;
}
