import type { OwnRoute } from '../http/gateway-server.ts';
import type { RoutingTable } from './endpoint-backend.ts';
import { modelOf } from './endpoint.ts';
import { servedNames } from './model-routes.ts';

/** Answers `GET /v1/models` for all endpoints together, aliases included. */
export function createModelsRoute(read: () => RoutingTable): OwnRoute {
  return (request, response, allowed) => {
    const path = (request.url ?? '').split('?')[0];
    if (request.method !== 'GET' || path !== '/v1/models') return Promise.resolve(false);
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
    const text = JSON.stringify({ object: 'list', data });
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
    return Promise.resolve(true);
  };
}
