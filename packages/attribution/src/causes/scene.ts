import { departureOf } from '../evidence/departure.ts';
import type { Evidence, EvidenceItem, PeerGone, Watch } from '../evidence/evidence.ts';
import { type Recovery, recoveriesOf } from '../evidence/recoveries.ts';
import { relevantItems } from '../evidence/relevant-items.ts';
import type { ResolvedAttributionOptions } from '../options.ts';
import { deliveriesNs } from '../timeline/delivery.ts';
import { gapsOf, type GapSpan, type Phases, phasesOf } from '../timeline/gaps.ts';
import { type Cover, coverOf, intersect } from '../timeline/interval.ts';
import { piecesOf, type Timeline } from '../timeline/timeline.ts';

/** One request with all that is known of it, as the causes look at it. */
export interface Scene {
  readonly timeline: Timeline;
  readonly options: ResolvedAttributionOptions;
  readonly watched: ReadonlySet<Watch>;
  /** What concerns this request, in a fixed order. */
  readonly items: readonly EvidenceItem[];
  readonly recoveries: readonly Recovery[];
  readonly departure: PeerGone | undefined;
  readonly gaps: readonly GapSpan[];
  readonly phases: Phases;
  /** All of the request's time. */
  readonly whole: Cover;
  /** When the server's data lay with the stack: in the call, on its way, or waiting because the socket took no more. */
  readonly inStack: Cover;
}

/** Puts a request's timeline and evidence together. */
export function sceneOf(
  timeline: Timeline,
  evidence: Evidence,
  options: ResolvedAttributionOptions,
): Scene {
  const items = relevantItems(timeline, evidence.items);
  const recoveries = recoveriesOf(items, timeline.writes);
  const pieces = piecesOf(timeline.writes);
  const zeroWindows = items.filter(({ kind }) => kind === 'zero_window');
  const paced = items.filter(({ kind }) => kind === 'rwnd_limited' || kind === 'local_queue');
  const holds = { complete: coverOf([...recoveries, ...zeroWindows]), partial: coverOf(paced) };
  const deliveredNs = deliveriesNs(pieces, holds, options);
  const gaps = gapsOf(timeline, deliveredNs);
  const phases = phasesOf(timeline, pieces, deliveredNs);
  const blocked = coverOf(
    items.filter(({ kind }) => kind === 'write_blocked' || kind === 'sndbuf_limited'),
  );
  return {
    timeline,
    options,
    watched: new Set(evidence.watched),
    items,
    recoveries,
    departure: departureOf(timeline, items),
    gaps,
    phases,
    whole: coverOf(gaps),
    inStack:
      blocked.length === 0
        ? phases.sending
        : coverOf([...phases.sending, ...intersect(phases.serving, blocked)]),
  };
}
