import { ProbesError } from '../errors.ts';

/** Bounds of histograms, in seconds. */
export interface MetricBuckets {
  readonly timeToFirstToken?: readonly number[];
  readonly timePerOutputToken?: readonly number[];
  readonly duration?: readonly number[];
  readonly gap?: readonly number[];
}

// OpenTelemetry's semantic conventions for generative AI, metrics of servers.
const defaults: Required<MetricBuckets> = {
  timeToFirstToken: [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
  ],
  timePerOutputToken: [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
  duration: [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
  ],
  gap: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
};
const boundsMax = 64;

/** Fills and checks buckets. Throws `PROBES_OPTION_INVALID`, which names the list. */
export function resolveBuckets(given: MetricBuckets = {}): Required<MetricBuckets> {
  const resolved = { ...defaults, ...given };
  for (const [name, bounds] of Object.entries(resolved)) {
    const ascends = bounds.every(
      (bound, at) => bound > (bounds[at - 1] ?? 0) && Number.isFinite(bound),
    );
    if (ascends && bounds.length > 0 && bounds.length <= boundsMax) continue;
    throw new ProbesError(
      `buckets of ${name}: ${bounds.join(', ')} are not 1 to ${boundsMax} ascending numbers above 0`,
      { code: 'PROBES_OPTION_INVALID' },
    );
  }
  return Object.freeze(resolved);
}
