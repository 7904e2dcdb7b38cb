import type { Filter } from './filter.ts';

/** Endpoints that have the model. */
export const modelFilter: Filter = {
  name: 'model',
  reasonAgainst: ({ facts }, { model }) =>
    facts.models.includes(model) ? undefined : 'does not have the model',
};

/** Models that the tenant may use. */
export const tenantFilter: Filter = {
  name: 'tenant',
  concerns: ({ modelsAllowed }) => modelsAllowed !== undefined,
  reasonAgainst: (_candidate, { model, modelsAllowed }) =>
    modelsAllowed === undefined || modelsAllowed.includes(model)
      ? undefined
      : 'the tenant may not use the model',
};

/** Endpoints that take requests. */
export const healthFilter: Filter = {
  name: 'health',
  reasonAgainst: ({ state }) => (state === 'healthy' ? undefined : state),
};

/** Endpoints whose circuit is not open; one that is half-open is tried by one request at a time. */
export const circuitFilter: Filter = {
  name: 'circuit',
  reasonAgainst: ({ circuit, concurrency }) => {
    if (circuit === 'open') return 'circuit is open';
    return circuit === 'half-open' && concurrency > 0 ? 'circuit is being tried' : undefined;
  },
};

/** Endpoints whose context has room for prompt and answer. */
export const contextFilter: Filter = {
  name: 'context',
  reasonAgainst: ({ facts }, { promptTokens, outputTokensMax }) =>
    promptTokens + outputTokensMax <= facts.contextTokensMax ? undefined : 'context is too short',
};

/** Endpoints that are given no more requests at once than they may have. */
export const concurrencyFilter: Filter = {
  name: 'concurrency',
  reasonAgainst: ({ facts, concurrency }) =>
    concurrency < facts.concurrencyMax ? undefined : 'has as many requests as it may',
};

/** Endpoints of the subset that the request asks for: a canary, a pool. */
export const subsetFilter: Filter = {
  name: 'subset',
  concerns: ({ subset }) => subset !== undefined,
  reasonAgainst: ({ facts }, { subset }) =>
    subset === undefined || subset.includes(facts.id) ? undefined : 'is not in the subset',
};

/** Endpoints whose variant of the model is good enough. */
export const qualityFilter: Filter = {
  name: 'quality',
  concerns: ({ qualityTierMin }) => qualityTierMin !== undefined,
  reasonAgainst: ({ facts }, { qualityTierMin }) =>
    qualityTierMin === undefined || facts.qualityTier >= qualityTierMin
      ? undefined
      : 'quality is below what is asked for',
};

/** All filters, in the order in which they are asked: the first that is against gives the reason. */
export const standardFilters: readonly Filter[] = [
  modelFilter,
  tenantFilter,
  subsetFilter,
  healthFilter,
  circuitFilter,
  contextFilter,
  qualityFilter,
  concurrencyFilter,
];
