import {
  loadScorer,
  lowestCostPicker,
  prefixScorer,
  roundRobinPicker,
  type RoutePolicy,
  type Scorer,
  standardPolicy,
  twoChoicesPicker,
} from '@millrace/routing';

/** More than any load: what it is multiplied with decides alone. */
const decisive = 1e6;

/** Goes where more than half of the prompt is cached, whatever the load there; else by load. */
const affinityAboveHalf: Scorer = {
  name: 'affinity-above-half',
  score: ({ matchedTokens }, { promptTokens }, scores) => {
    for (const [place, matched] of matchedTokens.entries())
      scores[place] = matched > promptTokens / 2 ? -matched : 0;
    return scores;
  },
};

/** Goes where the most is cached, be it one block. */
const affinity: Scorer = {
  name: 'affinity',
  score: ({ matchedTokens }, _request, scores) => {
    for (const [place, matched] of matchedTokens.entries()) scores[place] = -matched;
    return scores;
  },
};

const { filters } = standardPolicy;
const byLoad = { scorer: loadScorer, weight: 1 };

/** The policy that the others are measured against. */
export const ours = 'millrace';

/** The kind of affinity that other routers have and that the goals are set by. */
export const unguarded = 'unguarded affinity';

/** Every policy of the table, by name. */
export const comparedPolicies: Readonly<Record<string, RoutePolicy>> = {
  'round robin': { filters, scorers: [], picker: roundRobinPicker },
  'least load': { filters, scorers: [byLoad], picker: lowestCostPicker },
  'power of two': { filters, scorers: [byLoad], picker: twoChoicesPicker },
  [unguarded]: {
    filters,
    scorers: [byLoad, { scorer: affinityAboveHalf, weight: decisive }],
    picker: lowestCostPicker,
  },
  'affinity to any block': {
    filters,
    scorers: [byLoad, { scorer: affinity, weight: decisive }],
    picker: lowestCostPicker,
  },
  'cost, weight 1': {
    filters,
    scorers: [byLoad, { scorer: prefixScorer, weight: 1 }],
    picker: lowestCostPicker,
  },
  [ours]: standardPolicy,
};
