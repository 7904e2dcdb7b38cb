/** APIs that are put in front of engines which do not speak them. */
export type TranslatedApi = 'messages' | 'responses';

export const translatedApis: readonly TranslatedApi[] = ['messages', 'responses'];

/** What a request asks of such an API. */
export type ApiRoute =
  | { readonly api: 'messages'; readonly asks: 'answer' | 'count' | 'unsupported' }
  | { readonly api: 'responses'; readonly asks: 'answer' | 'unsupported' };

const prefixes: Readonly<Record<TranslatedApi, string>> = {
  messages: '/v1/messages',
  responses: '/v1/responses',
};

/** The API of a target; undefined for those that engines speak themselves. */
export function apiOf(target: string): TranslatedApi | undefined {
  // Most requests are for chat completions: one look tells.
  if (!target.startsWith('/v1/m') && !target.startsWith('/v1/r')) return undefined;
  return translatedApis.find((api) => {
    const prefix = prefixes[api];
    if (!target.startsWith(prefix)) return false;
    const next = target[prefix.length];
    return next === undefined || next === '/' || next === '?';
  });
}

/** What a request asks of a translated API; undefined for those that engines speak themselves. */
export function apiRouteOf(method: string, target: string): ApiRoute | undefined {
  const api = apiOf(target);
  if (api === undefined) return undefined;
  const path = (target.split('?')[0] ?? '').replace(/\/$/, '');
  const isAnswer = method === 'POST' && path === prefixes[api];
  if (api === 'responses') return { api, asks: isAnswer ? 'answer' : 'unsupported' };
  const isCount = method === 'POST' && path === '/v1/messages/count_tokens';
  return { api, asks: isAnswer ? 'answer' : isCount ? 'count' : 'unsupported' };
}
