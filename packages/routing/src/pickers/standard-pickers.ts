import { mix } from '../prefix-index/prefix-hasher.ts';
import type { Picker, PickField } from './picker.ts';

/** Load that an endpoint may have above the mean before consistent hashing passes it by. */
const loadFactor = 1.25;

/** The lowest cost; ties at random. */
export const lowestCostPicker: Picker = {
  name: 'lowest-cost',
  pick: ({ count, costs, draws }) => {
    let lowest = costs[0] as number;
    let tied = 1;
    for (let at = 1; at < count; at++) {
      const cost = costs[at] as number;
      if (cost < lowest) {
        lowest = cost;
        tied = 1;
      } else if (cost === lowest) tied++;
    }
    let passed = Math.floor(draws[0] * tied);
    for (let at = 0; at < count; at++) {
      if (costs[at] === lowest && passed-- === 0) return at;
    }
    return 0;
  },
};

/** The cheaper of two drawn at random: steady where costs are stale. */
export const twoChoicesPicker: Picker = {
  name: 'two-choices',
  pick: ({ count, costs, draws }) => {
    const one = Math.floor(draws[0] * count);
    if (count === 1) return one;
    const other = (one + 1 + Math.floor(draws[1] * (count - 1))) % count;
    return (costs[one] as number) <= (costs[other] as number) ? one : other;
  },
};

/** At random, by weight. */
export const weightedPicker: Picker = {
  name: 'weighted',
  pick: ({ count, weights, draws }) => {
    let total = 0;
    for (let at = 0; at < count; at++) total += weights[at] as number;
    if (total <= 0) return Math.floor(draws[0] * count);
    let rest = draws[0] * total;
    for (let at = 0; at < count; at++) {
      rest -= weights[at] as number;
      if (rest < 0) return at;
    }
    return count - 1;
  },
};

/** Each in turn. */
export const roundRobinPicker: Picker = {
  name: 'round-robin',
  pick: ({ count, turn }) => turn % count,
};

/** The endpoint that the key's hash likes best of those whose load is at most a quarter above the mean. */
export const consistentHashPicker: Picker = {
  name: 'consistent-hash',
  pick: (field) => {
    const loadMax = loadFactor * meanLoad(field);
    let picked = -1;
    let highest = -1;
    for (let at = 0; at < field.count; at++) {
      if ((field.loads[at] as number) > loadMax) continue;
      const liking = mix(field.keyHash ^ mix((field.endpoints[at] as number) + 1)) >>> 0;
      if (liking > highest) [picked, highest] = [at, liking];
    }
    return Math.max(picked, 0);
  },
};

function meanLoad({ count, loads }: PickField): number {
  let total = 0;
  for (let at = 0; at < count; at++) total += loads[at] as number;
  return total / count;
}
