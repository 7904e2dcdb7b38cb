/** When an endpoint counts as too slow beside its like. */
export interface SlownessBounds {
  /** Times the median of the others. */
  readonly slowFactor: number;
  /** Milliseconds above that median: among fast ones a multiple means nothing. */
  readonly slowMsMin: number;
  /** Answers by which an endpoint is judged. */
  readonly answersMin: number;
}

export const slownessDefaults: SlownessBounds = {
  slowFactor: 5,
  slowMsMin: 2_000,
  answersMin: 10,
};

/** How long an endpoint has lately taken to its first tokens. */
export interface EndpointPace {
  readonly endpoint: number;
  /** Endpoints are compared with others of their group only: the same engine and models. */
  readonly group: string;
  readonly ttftMs: number;
  readonly answers: number;
}

/** Endpoints that are much slower than the median of the others of their group; none in groups below three. */
export function slowEndpoints(
  paces: readonly EndpointPace[],
  bounds: SlownessBounds,
): readonly number[] {
  const known = paces.filter(({ answers }) => answers >= bounds.answersMin);
  return known.flatMap((pace) => {
    const others = known.filter(
      ({ group, endpoint }) => group === pace.group && endpoint !== pace.endpoint,
    );
    if (others.length < 2) return [];
    const sorted = others.map(({ ttftMs }) => ttftMs).toSorted((one, other) => one - other);
    const median = sorted[(sorted.length - 1) >> 1] as number;
    const isSlow =
      pace.ttftMs > bounds.slowFactor * median && pace.ttftMs > median + bounds.slowMsMin;
    return isSlow ? [pace.endpoint] : [];
  });
}
