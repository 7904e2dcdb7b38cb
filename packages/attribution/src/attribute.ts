import { assert, firstIndex } from '@millrace/stdx';
import { abandonedWork, type AbandonedWork } from './abandoned-work.ts';
import type { Cause, Claim } from './causes/cause.ts';
import { precedence } from './causes/precedence.ts';
import { sceneOf } from './causes/scene.ts';
import { checkEvidence, type Evidence, type EvidenceItem } from './evidence/evidence.ts';
import { type AttributionOptions, resolveAttributionOptions } from './options.ts';
import type { GapSpan } from './timeline/gaps.ts';
import { type Award, clip, clipFrom, divide } from './division.ts';
import { checkTimeline, type Timeline } from './timeline/timeline.ts';

/** Nanoseconds by cause; a cause that has none is left out. */
export type CauseTimes = Readonly<Partial<Record<Cause, number>>>;

/** A cause's part of a gap, with what speaks for it. */
export interface RankedCause {
  readonly cause: Cause;
  readonly ns: number;
  /** The items that explain most of it, at most `listedMax`. */
  readonly evidence: readonly EvidenceItem[];
}

/** The time between two deliveries, divided among its causes: their times add up to it exactly. */
export interface Gap extends GapSpan {
  readonly causes: CauseTimes;
  /** The same, the longest first. */
  readonly ranked: readonly RankedCause[];
}

/** What one request's time went into. */
export interface Attribution {
  /** In order, without holes: from the request's arrival to the end of its answer, or to its delivery if that is later. */
  readonly gaps: readonly Gap[];
  /** All gaps together. */
  readonly causes: CauseTimes;
  /** No loss of events overlaps the request. */
  readonly isComplete: boolean;
  /** What the server did for this request after its client had gone. */
  readonly abandoned: AbandonedWork | undefined;
}

/**
 * Divides a request's time among exclusive causes.
 * Throws an `AttributionError` for a timeline or evidence that cannot be.
 */
export function attribute(
  timeline: Timeline,
  evidence: Evidence,
  options?: AttributionOptions,
): Attribution {
  const resolved = resolveAttributionOptions(options);
  checkTimeline(timeline, resolved);
  checkEvidence(evidence, resolved);
  const scene = sceneOf(timeline, evidence, resolved);
  const shares: Share[][] = scene.gaps.map(() => []);
  for (const award of divide(scene, precedence)) addAward(award, scene.gaps, shares);
  const gaps = scene.gaps.map((span, index) =>
    gapOf(span, shares[index] ?? [], resolved.listedMax),
  );
  const causes = totals(gaps);
  return {
    gaps,
    causes,
    isComplete: (causes.incomplete ?? 0) === 0,
    abandoned: abandonedWork(timeline, scene.departure),
  };
}

/** A cause's time in one gap, while it is summed. */
interface Share {
  readonly cause: Cause;
  readonly ns: number;
  byItem: Map<EvidenceItem, number> | undefined;
}

function addAward(award: Award, gaps: readonly GapSpan[], shares: readonly Share[][]): void {
  const { cover } = award;
  const { cause } = award.rule;
  let part = 0;
  for (let index = 0; index < gaps.length; index++) {
    const gap = gaps[index] as GapSpan;
    while ((cover[part]?.endNs ?? Infinity) <= gap.startNs) part++;
    const ns = clipFrom(cover, part, gap);
    if (ns > 0) shares[index]?.push({ cause, ns, byItem: undefined });
  }
  for (const claim of award.claims)
    if (claim.item !== undefined) listClaim(award, claim, { gaps, shares });
}

function listClaim(
  award: Award,
  claim: Claim,
  { gaps, shares }: { readonly gaps: readonly GapSpan[]; readonly shares: readonly Share[][] },
): void {
  const first = firstIndex(gaps, ({ endNs }) => endNs > claim.startNs);
  for (let index = first; index < gaps.length; index++) {
    const gap = gaps[index];
    if (gap === undefined || gap.startNs >= claim.endNs) break;
    // A rule has one award, whose share was added last.
    const share = shares[index]?.at(-1);
    if (share?.cause === award.rule.cause) listItem(share, claim, overlapNs(award, claim, gap));
  }
}

function listItem(share: Share, { item }: Claim, ns: number): void {
  if (item === undefined || ns === 0) return;
  share.byItem ??= new Map();
  share.byItem.set(item, (share.byItem.get(item) ?? 0) + ns);
}

function overlapNs({ cover }: Award, claim: Claim, gap: GapSpan): number {
  return clip(cover, {
    startNs: Math.max(gap.startNs, claim.startNs),
    endNs: Math.min(gap.endNs, claim.endNs),
  });
}

function gapOf(span: GapSpan, shares: readonly Share[], listedMax: number): Gap {
  const { kind, startNs, endNs } = span;
  const ranked: RankedCause[] = [];
  let sumNs = 0;
  for (const { cause, ns, byItem } of shares) {
    ranked.push({ cause, ns, evidence: weightiest(byItem, listedMax) });
    sumNs += ns;
  }
  assert(sumNs === endNs - startNs, 'the causes of a gap add up to it');
  if (ranked.length > 1) ranked.sort((a, b) => b.ns - a.ns);
  const causes: Partial<Record<Cause, number>> = {};
  for (const { cause, ns } of ranked) causes[cause] = ns;
  return { kind, startNs, endNs, causes, ranked };
}

const nothing: readonly EvidenceItem[] = [];

function weightiest(
  byItem: ReadonlyMap<EvidenceItem, number> | undefined,
  listedMax: number,
): readonly EvidenceItem[] {
  if (byItem === undefined) return nothing;
  return [...byItem]
    .sort(([, a], [, b]) => b - a)
    .slice(0, listedMax)
    .map(([item]) => item);
}

function totals(gaps: readonly Gap[]): CauseTimes {
  const sums: Partial<Record<Cause, number>> = {};
  for (const { ranked } of gaps) {
    for (const { cause, ns } of ranked) sums[cause] = (sums[cause] ?? 0) + ns;
  }
  return sums;
}
