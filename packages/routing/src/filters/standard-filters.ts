// Hot path: each filter once a request, over every endpoint. No allocation, no await.
import { circuitCodeOf, stateCodeOf, stateOf } from '../endpoints/candidate-field.ts';
import type { EndpointFacts } from '../endpoints/endpoint.ts';
import type { Filter } from './filter.ts';

const healthy = stateCodeOf('healthy');
const open = circuitCodeOf('open');
const halfOpen = circuitCodeOf('half-open');

/** Endpoints that have the model. */
export const modelFilter: Filter = {
  name: 'model',
  exclude: ({ count, models }, { model }, reasons) => {
    let asked: readonly string[] | undefined;
    let isThere = false;
    for (let place = 0; place < count; place++) {
      const list = models[place] as readonly string[];
      if (list !== asked) [asked, isThere] = [list, list.includes(model)];
      if (!isThere) reasons[place] ??= 'does not have the model';
    }
  },
};

/** Models that the tenant may use. */
export const tenantFilter: Filter = {
  name: 'tenant',
  concerns: ({ modelsAllowed }) => modelsAllowed !== undefined,
  exclude: ({ count }, { model, modelsAllowed }, reasons) => {
    if (modelsAllowed === undefined || modelsAllowed.includes(model)) return;
    for (let place = 0; place < count; place++)
      reasons[place] ??= 'the tenant may not use the model';
  },
};

/** Endpoints that take requests. */
export const healthFilter: Filter = {
  name: 'health',
  exclude: ({ count, states }, _request, reasons) => {
    for (let place = 0; place < count; place++) {
      const state = states[place] as number;
      if (state !== healthy) reasons[place] ??= stateOf(state);
    }
  },
};

/** Endpoints whose circuit is not open; one that is half-open is tried by one request at a time. */
export const circuitFilter: Filter = {
  name: 'circuit',
  exclude: ({ count, circuits, concurrency }, _request, reasons) => {
    for (let place = 0; place < count; place++) {
      const circuit = circuits[place] as number;
      if (circuit === open) reasons[place] ??= 'circuit is open';
      else if (circuit === halfOpen && (concurrency[place] as number) > 0)
        reasons[place] ??= 'circuit is being tried';
    }
  },
};

/** Endpoints whose context has room for prompt and answer. */
export const contextFilter: Filter = {
  name: 'context',
  exclude: ({ count, contextTokensMax }, { promptTokens, outputTokensMax }, reasons) => {
    const tokens = promptTokens + outputTokensMax;
    for (let place = 0; place < count; place++) {
      if (tokens > (contextTokensMax[place] as number)) reasons[place] ??= 'context is too short';
    }
  },
};

/** Endpoints that are given no more requests at once than they may have. */
export const concurrencyFilter: Filter = {
  name: 'concurrency',
  exclude: ({ count, concurrency, concurrencyMax }, _request, reasons) => {
    for (let place = 0; place < count; place++) {
      if ((concurrency[place] as number) >= (concurrencyMax[place] as number))
        reasons[place] ??= 'has as many requests as it may';
    }
  },
};

/** Endpoints of the subset that the request asks for: a canary, a pool. */
export const subsetFilter: Filter = {
  name: 'subset',
  concerns: ({ subset }) => subset !== undefined,
  exclude: ({ count, facts }, { subset }, reasons) => {
    if (subset === undefined) return;
    // A subset mostly has the order of all: what follows the last one found is looked at first.
    let next = 0;
    for (let place = 0; place < count; place++) {
      const { id } = facts[place] as EndpointFacts;
      const found = subset[next] === id ? next : subset.indexOf(id);
      if (found === -1) reasons[place] ??= 'is not in the subset';
      else next = found + 1;
    }
  },
};

/** Endpoints whose variant of the model is good enough. */
export const qualityFilter: Filter = {
  name: 'quality',
  concerns: ({ qualityTierMin }) => qualityTierMin !== undefined,
  exclude: ({ count, facts }, { qualityTierMin = -Infinity }, reasons) => {
    for (let place = 0; place < count; place++) {
      if ((facts[place] as EndpointFacts).qualityTier < qualityTierMin)
        reasons[place] ??= 'quality is below what is asked for';
    }
  },
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
