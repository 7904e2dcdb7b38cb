import { jsonAnswer, type OwnRoute, pathOf } from '../http/own-route.ts';
import type { RoutingTable } from './endpoint-backend.ts';
import { modelOf } from './endpoint.ts';
import { servedNames } from './model-routes.ts';

/** Answers `GET /v1/models` for all endpoints together, aliases included. */
export function createModelsRoute(read: () => RoutingTable): OwnRoute {
  return ({ method, target, models: allowed }) => {
    if (method !== 'GET' || pathOf(target) !== '/v1/models') return undefined;
    const { endpoints, aliases } = read();
    const data = servedNames(endpoints, aliases, allowed).map((id) => {
      const targets = aliases.get(id) ?? [id];
      const contexts = endpoints.flatMap((endpoint) =>
        targets.flatMap((target) => modelOf(endpoint, target)?.contextTokensMax ?? []),
      );
      return {
        id,
        object: 'model',
        created: 0,
        owned_by: 'millrace',
        // The least of all is what holds wherever a request goes.
        ...(contexts.length > 0 && { max_model_len: Math.min(...contexts) }),
      };
    });
    return jsonAnswer(200, { object: 'list', data });
  };
}
