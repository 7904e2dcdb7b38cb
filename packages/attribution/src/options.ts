import { AttributionError } from './errors.ts';

/** What counts as short, as long and as too much. Times are nanoseconds. */
export interface AttributionOptions {
  /** Time from a write to the wire that needs no evidence to be called the local queue's. Default 1 ms. */
  readonly localStackNsMax?: number;
  /** How late an acknowledgement may come by itself: Linux delays one by 200 ms at most (TCP_DELACK_MAX). Default 250 ms. */
  readonly ackDelayNsMax?: number;
  /** How far the clocks of two probes may place one moment apart. Default 1 ms. */
  readonly skewNsMax?: number;
  /** Writes of one request. Default 262,144. */
  readonly writesMax?: number;
  /** Items of evidence for one request. Default 262,144. */
  readonly itemsMax?: number;
  /** Items listed for each cause of a gap, those that explain most first. Default 8. */
  readonly listedMax?: number;
}

export type ResolvedAttributionOptions = Readonly<Required<AttributionOptions>>;

const defaults: ResolvedAttributionOptions = {
  localStackNsMax: 1_000_000,
  ackDelayNsMax: 250_000_000,
  skewNsMax: 1_000_000,
  writesMax: 262_144,
  itemsMax: 262_144,
  listedMax: 8,
};

const limits: ResolvedAttributionOptions = {
  localStackNsMax: 1_000_000_000,
  ackDelayNsMax: 10_000_000_000,
  skewNsMax: 100_000_000,
  writesMax: 16_777_216,
  itemsMax: 16_777_216,
  listedMax: 1_024,
};

/** Fills, checks and freezes options; throws an `AttributionError` that names the first one out of bounds. */
export function resolveAttributionOptions(
  options: AttributionOptions = {},
): ResolvedAttributionOptions {
  const resolved = { ...defaults, ...options };
  for (const name of Object.keys(limits) as (keyof AttributionOptions)[]) {
    const value = resolved[name];
    if (Number.isSafeInteger(value) && value >= 0 && value <= limits[name]) continue;
    throw new AttributionError(
      `option ${name}: ${value} is not an integer from 0 to ${limits[name]}`,
      { code: 'ATTRIBUTION_OPTION_INVALID' },
    );
  }
  return Object.freeze(resolved);
}
