/** What a probe has cost and lost in a stretch of time. */
export interface ProbeLoad {
  readonly name: string;
  /** Time of its programs, as a share of one processor. */
  readonly costShare: number;
  /** Events dropped, as a share of those attempted. */
  readonly droppedShare: number;
  /** Without it there is nothing to tell. */
  readonly isEssential: boolean;
}

/** What probes may cost and lose. */
export interface ProbeBudget {
  /** Of one processor, all probes together. */
  readonly costShareMax: number;
  readonly droppedShareMax: number;
}

/** A probe to be turned off, and why. */
export interface Shedding {
  readonly name: string;
  readonly reason: string;
}

/**
 * The probe to turn off next, if any: while all together cost more than they may, the dearest; while one loses more than
 * it may, that one. Those that are essential stay.
 */
export function probeToShed(
  loads: readonly ProbeLoad[],
  budget: ProbeBudget,
): Shedding | undefined {
  const dearestFirst = loads
    .filter(({ isEssential }) => !isEssential)
    .toSorted((one, other) => other.costShare - one.costShare);
  const costShare = loads.reduce((sum, load) => sum + load.costShare, 0);
  const [dearest] = dearestFirst;
  if (costShare > budget.costShareMax && dearest !== undefined) {
    return {
      name: dearest.name,
      reason: `probes took ${percent(costShare)} of a processor, allowed are ${percent(budget.costShareMax)}; this one took ${percent(dearest.costShare)}`,
    };
  }
  const losing = dearestFirst.find(({ droppedShare }) => droppedShare > budget.droppedShareMax);
  if (losing === undefined) return undefined;
  return {
    name: losing.name,
    reason: `it lost ${percent(losing.droppedShare)} of its events, allowed are ${percent(budget.droppedShareMax)}`,
  };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
