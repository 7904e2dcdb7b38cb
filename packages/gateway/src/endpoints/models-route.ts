import { errorBody, modelNotFound } from '@millrace/openai';
import { jsonAnswer, type OwnRoute, pathOf } from '../http/own-route.ts';
import type { RoutingTable } from './endpoint-backend.ts';
import { modelOf } from './endpoint.ts';
import { servedNames } from './model-routes.ts';

const listPath = '/v1/models';

/** Answers `GET /v1/models`, and that for one model, for all endpoints together, aliases included. */
export function createModelsRoute(read: () => RoutingTable): OwnRoute {
  return ({ method, target }, allowed) => {
    const path = pathOf(target);
    if (method !== 'GET' || (path !== listPath && !path.startsWith(`${listPath}/`)))
      return undefined;
    const { endpoints, aliases } = read();
    const served = servedNames(endpoints, aliases, allowed);
    const data = served.map((id) => {
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
    if (path === listPath) return jsonAnswer(200, { object: 'list', data });
    const asked = decoded(path.slice(listPath.length + 1));
    const found = data.find(({ id }) => id === asked);
    if (found !== undefined) return jsonAnswer(200, found);
    const error = modelNotFound(asked, served);
    const headers = { 'content-type': 'application/json' };
    return { status: error.status, headers, body: errorBody(error) };
  };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // Not an encoding: the text stands for itself.
    return segment;
  }
}
