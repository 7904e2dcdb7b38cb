import type { Decision, Router } from '../router.ts';
import type { RouteRequest } from '../route-request.ts';

/** Models that stand for each other. */
export interface ModelNames {
  /** What a name means. */
  readonly aliases: Readonly<Record<string, string>>;
  /** What answers where no endpoint with the model can, in order. */
  readonly fallbacks: Readonly<Record<string, readonly string[]>>;
}

/** Models that one request may try. */
const modelsMax = 8;

/** The models that may answer for a name, the first choice first. Circles end where they began. */
export function modelChain(name: string, names: ModelNames): readonly string[] {
  const chain: string[] = [];
  const pending = [name];
  for (let at = 0; at < pending.length && chain.length < modelsMax; at++) {
    const model = resolveAlias(pending[at] as string, names);
    if (chain.includes(model)) continue;
    chain.push(model);
    if (Object.hasOwn(names.fallbacks, model)) pending.push(...(names.fallbacks[model] ?? []));
  }
  return chain;
}

/** A decision, and the model that it was made for. */
export interface ModelDecision {
  readonly model: string;
  readonly decision: Decision;
}

/** Routes the request by the first model of the chain that an endpoint can answer; else says what kept out the first. */
export function routeAlong(
  router: Router,
  request: RouteRequest,
  models: readonly string[],
): ModelDecision {
  let refused: ModelDecision | undefined;
  for (const model of models) {
    const decision = router.route({ ...request, model });
    if (decision.kind === 'picked') return { model, decision };
    refused ??= { model, decision };
  }
  return refused ?? { model: request.model, decision: router.route(request) };
}

function resolveAlias(name: string, { aliases }: ModelNames): string {
  const seen = new Set<string>();
  let model = name;
  while (Object.hasOwn(aliases, model) && !seen.has(model)) {
    seen.add(model);
    model = aliases[model] as string;
  }
  return model;
}
