import type { Endpoint } from './endpoint.ts';
import { modelOf } from './endpoint.ts';

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

/** The models to try for a name, in order; without a name every endpoint will do. */
export function routeModel(
  name: string | undefined,
  known: {
    readonly endpoints: readonly Endpoint[];
    readonly aliases: ModelAliases;
    /** Names that may be asked for; undefined: all. */
    readonly allowed: readonly string[] | undefined;
  },
): ModelRoute {
  const { endpoints, aliases, allowed } = known;
  if (name === undefined) return { kind: 'choices', choices: [{ model: undefined, endpoints }] };
  const models = allowed?.includes(name) === false ? [] : (aliases.get(name) ?? [name]);
  const choices = models.map((model) => ({ model, endpoints: serving(endpoints, model) }));
  return choices.some((choice) => choice.endpoints.length > 0)
    ? { kind: 'choices', choices }
    : { kind: 'unknown', served: servedNames(endpoints, aliases, allowed) };
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
