import type { Prng } from '@millrace/stdx';
import type { Endpoint } from './endpoint.ts';

/** Chooses among endpoints that could answer; there is at least one. */
export type PickEndpoint = (candidates: readonly Endpoint[]) => Endpoint;

/** Chooses the least loaded for its weight, by requests in flight and waiting; ties at random. */
export function leastLoaded(random: Prng): PickEndpoint {
  return (candidates) => {
    const loads = candidates.map(loadOf);
    const least = Math.min(...loads);
    const best = candidates.filter((_, index) => loads[index] === least);
    return best[random.below(best.length)] as Endpoint;
  };
}

/** What the endpoint says of others' requests counts only where it is more than our own. */
function loadOf({ activeCount, load, options }: Endpoint): number {
  const told = (load?.running ?? 0) + (load?.waiting ?? 0);
  return (Math.max(activeCount, told) + 1) / options.weight;
}
