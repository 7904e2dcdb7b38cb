import { firstIndex } from '@millrace/stdx';
import type { CauseRule, Claim } from './causes/cause.ts';
import type { Scene } from './causes/scene.ts';
import { type Cover, coverOf, type Interval, intersect, subtract } from './timeline/interval.ts';

/** The time that a cause was given, and the claims that it had. */
export interface Award {
  readonly rule: CauseRule;
  readonly cover: Cover;
  readonly claims: readonly Claim[];
}

/** Gives each moment to the first rule that claims it and has room there. The last rule takes all that remains. */
export function divide(scene: Scene, rules: readonly CauseRule[]): readonly Award[] {
  let rest = scene.whole;
  const awards: Award[] = [];
  for (const rule of rules) {
    const claims = rule.claims(scene);
    // Most causes claim nothing of most requests, and their room is not made out then.
    if (claims.length === 0) continue;
    const room = rule.room(scene);
    const cover = intersect(rest, claims === room ? room : intersect(coverOf(claims), room));
    if (cover.length === 0) continue;
    awards.push({ rule, cover, claims });
    rest = subtract(rest, cover);
    if (rest.length === 0) break;
  }
  return awards;
}

/** How much of an interval a cover has, in nanoseconds. */
export function clip(cover: Cover, interval: Interval): number {
  return clipFrom(
    cover,
    firstIndex(cover, (part) => part.endNs > interval.startNs),
    interval,
  );
}

/** The same, from the first part on that ends after the interval's start. */
export function clipFrom(cover: Cover, first: number, { startNs, endNs }: Interval): number {
  let sumNs = 0;
  for (let index = first; (cover[index]?.startNs ?? Infinity) < endNs; index++) {
    const part = cover[index] as Interval;
    sumNs += Math.min(part.endNs, endNs) - Math.max(part.startNs, startNs);
  }
  return sumNs;
}
