import type { Filter } from './filters/filter.ts';
import { standardFilters } from './filters/standard-filters.ts';
import type { Picker } from './pickers/picker.ts';
import { lowestCostPicker } from './pickers/standard-pickers.ts';
import type { WeightedScorer } from './scorers/scorer.ts';
import { standardScorers } from './scorers/standard-scorers.ts';

/** How endpoints are chosen: who may, what each costs, which one. */
export interface RoutePolicy {
  readonly filters: readonly Filter[];
  readonly scorers: readonly WeightedScorer[];
  readonly picker: Picker;
}

/** Every filter; load and uncached tokens; the lowest cost. */
export const standardPolicy: RoutePolicy = {
  filters: standardFilters,
  scorers: standardScorers,
  picker: lowestCostPicker,
};
