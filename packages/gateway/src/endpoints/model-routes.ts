import type { Endpoint } from './endpoint.ts';
import { areModelsOf, modelOf } from './endpoint.ts';

/** Other names of models, each with the models that are tried for it in turn. */
export type ModelAliases = ReadonlyMap<string, readonly string[]>;

/** Who could answer for a model's name. */
export type ModelRoute =
  | { readonly kind: 'choices'; readonly choices: readonly ModelChoice[] }
  | { readonly kind: 'unknown'; readonly served: readonly string[] };

/** A model by its own name, and the endpoints that serve it, healthy or not. */
export interface ModelChoice {
  readonly model: string | undefined;
  readonly endpoints: readonly Endpoint[];
}

/** What names of models lead to. */
export interface ModelsKnown {
  readonly endpoints: readonly Endpoint[];
  readonly aliases: ModelAliases;
}

/** The models to try for each name, as long as endpoints serve what they serve. */
export class ModelRoutes {
  readonly #known: ModelsKnown;
  /** What was found for names that some endpoint serves: no more than there are of those. */
  readonly #found = new Map<string, ModelRoute>();
  readonly #unnamed: ModelRoute;
  #models: readonly Endpoint['models'][] = [];

  constructor(known: ModelsKnown) {
    this.#known = known;
    const { endpoints } = known;
    this.#unnamed = { kind: 'choices', choices: [{ model: undefined, endpoints }] };
  }

  /** The models to try for a name, in order; without a name every endpoint will do. `allowed` are those that may be asked for; undefined: all. */
  of(name: string | undefined, allowed: readonly string[] | undefined): ModelRoute {
    if (name === undefined) return this.#unnamed;
    if (!this.#areAsFound()) this.#found.clear();
    const mayAsk = allowed === undefined || allowed.includes(name);
    const known = mayAsk ? this.#found.get(name) : undefined;
    return known ?? this.#find(name, allowed, mayAsk);
  }

  #find(name: string, allowed: readonly string[] | undefined, mayAsk: boolean): ModelRoute {
    const { endpoints, aliases } = this.#known;
    const models = mayAsk ? (aliases.get(name) ?? [name]) : [];
    const choices = models.map((model) => ({ model, endpoints: serving(endpoints, model) }));
    if (!choices.some((choice) => choice.endpoints.length > 0))
      return { kind: 'unknown', served: servedNames(endpoints, aliases, allowed) };
    const route: ModelRoute = { kind: 'choices', choices };
    this.#found.set(name, route);
    return route;
  }

  /** Whether endpoints serve what they served when routes were found. */
  #areAsFound(): boolean {
    const { endpoints } = this.#known;
    if (areModelsOf(endpoints, this.#models)) return true;
    this.#models = endpoints.map(({ models }) => models);
    return false;
  }
}

/** Those that serve a model; where all do, as they are. */
function serving(endpoints: readonly Endpoint[], model: string): readonly Endpoint[] {
  for (let at = 0; at < endpoints.length; at++)
    if (modelOf(endpoints[at] as Endpoint, model) === undefined)
      return endpoints.filter((endpoint) => modelOf(endpoint, model) !== undefined);
  return endpoints;
}

/** Every name that may be asked for, models before aliases. */
export function servedNames(
  endpoints: readonly Endpoint[],
  aliases: ModelAliases,
  allowed: readonly string[] | undefined,
): readonly string[] {
  const models = endpoints.flatMap((endpoint) => endpoint.models.map(({ id }) => id));
  const names = [...new Set([...models, ...aliases.keys()])];
  return allowed === undefined ? names : names.filter((name) => allowed.includes(name));
}
