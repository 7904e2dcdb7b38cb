/** A half-open stretch of time, in nanoseconds: the start belongs to it, the end does not. */
export interface Interval {
  readonly startNs: number;
  readonly endNs: number;
}

/** Sorted, disjoint and not empty: what the other functions of this file take and give. */
export type Cover = readonly Interval[];

/** The union of any intervals. */
export function coverOf(intervals: readonly Interval[]): Cover {
  const sorted = intervals.filter(({ startNs, endNs }) => startNs < endNs);
  if (!isInOrder(sorted)) sorted.sort((a, b) => a.startNs - b.startNs);
  const cover: { startNs: number; endNs: number }[] = [];
  for (const { startNs, endNs } of sorted) {
    const last = cover.at(-1);
    if (last !== undefined && startNs <= last.endNs) last.endNs = Math.max(last.endNs, endNs);
    else cover.push({ startNs, endNs });
  }
  return cover;
}

function isInOrder(intervals: readonly Interval[]): boolean {
  for (let index = 1; index < intervals.length; index++) {
    if ((intervals[index - 1] as Interval).startNs > (intervals[index] as Interval).startNs)
      return false;
  }
  return true;
}

/** What lies in both. */
export function intersect(a: Cover, b: Cover): Cover {
  const both: Interval[] = [];
  let [indexA, indexB] = [0, 0];
  for (;;) {
    const [inA, inB] = [a[indexA], b[indexB]];
    if (inA === undefined || inB === undefined) return both;
    const startNs = Math.max(inA.startNs, inB.startNs);
    const endNs = Math.min(inA.endNs, inB.endNs);
    if (startNs < endNs) both.push({ startNs, endNs });
    if (inA.endNs < inB.endNs) indexA++;
    else indexB++;
  }
}

/** What lies in `a` and not in `b`. */
export function subtract(a: Cover, b: Cover): Cover {
  const rest: Interval[] = [];
  let index = 0;
  for (const { startNs, endNs } of a) {
    let fromNs = startNs;
    while ((b[index]?.endNs ?? Infinity) <= fromNs) index++;
    for (let at = index; (b[at]?.startNs ?? Infinity) < endNs; at++) {
      const hole = b[at] as Interval;
      if (hole.startNs > fromNs) rest.push({ startNs: fromNs, endNs: hole.startNs });
      fromNs = Math.max(fromNs, hole.endNs);
    }
    if (fromNs < endNs) rest.push({ startNs: fromNs, endNs });
  }
  return rest;
}
