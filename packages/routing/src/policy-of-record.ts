import type { DecisionRecord } from './decision-record.ts';
import { RoutingError } from './errors.ts';
import { contextFilter, standardFilters } from './filters/standard-filters.ts';
import type { Picker } from './pickers/picker.ts';
import {
  consistentHashPicker,
  lowestCostPicker,
  roundRobinPicker,
  twoChoicesPicker,
  weightedPicker,
} from './pickers/standard-pickers.ts';
import type { RoutePolicy } from './route-policy.ts';
import type { Scorer } from './scorers/scorer.ts';
import {
  costScorer,
  latencyScorer,
  loadForWeightScorer,
  loadScorer,
  prefixScorer,
  sessionScorer,
  tailScorer,
  workloadScorer,
} from './scorers/standard-scorers.ts';

const pickers: readonly Picker[] = [
  lowestCostPicker,
  twoChoicesPicker,
  weightedPicker,
  roundRobinPicker,
  consistentHashPicker,
];
const scorers: readonly Scorer[] = [
  loadScorer,
  loadForWeightScorer,
  prefixScorer,
  latencyScorer,
  tailScorer,
  costScorer,
  workloadScorer,
  sessionScorer,
];

/**
 * The policy by which a record says that it was decided, so that the decision can be made again without the
 * configuration. Throws `ROUTING_RECORD_INVALID` for a picker or a scorer that is not of this package.
 */
export function policyOf(
  record: Pick<DecisionRecord, 'picker' | 'weights' | 'filters'>,
): RoutePolicy {
  return {
    filters: record.filters.includes(contextFilter.name)
      ? standardFilters
      : standardFilters.filter((filter) => filter !== contextFilter),
    picker: named(pickers, record.picker, 'picker'),
    scorers: Object.entries(record.weights).map(([name, weight]) => {
      return { scorer: named(scorers, name, 'scorer'), weight };
    }),
  };
}

function named<Named extends { readonly name: string }>(
  list: readonly Named[],
  name: string,
  what: string,
): Named {
  const found = list.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new RoutingError(`replay a decision: there is no ${what} ${JSON.stringify(name)}`, {
    code: 'ROUTING_RECORD_INVALID',
  });
}
