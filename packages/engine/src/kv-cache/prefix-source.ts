import type { Prefix } from './prefix.ts';

/** A prefix that a new sequence could start from. */
export interface PrefixSource {
  readonly prefix: Prefix | undefined;
  readonly length: number;
}

/** There is nothing to start from. */
export const noSource: PrefixSource = { prefix: undefined, length: 0 };

/**
 * The holder that costs least to take from: sharing within the pool is cheapest, then another pool, then host memory.
 * Between pools a prefix moves whole, so one that is longer than the slot does not do, however little is wanted.
 */
export function cheapestSource(
  holders: Iterable<Prefix>,
  target: { readonly pool: number | undefined; readonly slotTokensMax: number | undefined },
): Prefix | undefined {
  let best: Prefix | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const holder of holders) {
    const isInPool = holder.slot !== undefined && holder.slot.pool === target.pool;
    const fits = target.slotTokensMax === undefined || holder.length <= target.slotTokensMax;
    const cost = isInPool ? 0 : fits ? (holder.slot === undefined ? 2 : 1) : bestCost;
    if (cost < bestCost) {
      best = holder;
      bestCost = cost;
    }
  }
  return best;
}
