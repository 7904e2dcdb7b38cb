import { hash } from 'node:crypto';

/** Headers in which a key may come: OpenAI's and Anthropic's. */
export interface KeyHeaders {
  readonly authorization?: string | undefined;
  readonly 'x-api-key'?: string | readonly string[] | undefined;
}

/** The header by which an engine is told whose request it is. What a client sends in it is replaced. */
export const tenantHeader = 'x-millrace-tenant';

/** Whose request it is: whoever has the same key. Empty when there is none; the key itself goes no further. */
export function tenantOf(headers: KeyHeaders): string {
  const { authorization, 'x-api-key': apiKey } = headers;
  const key = authorization ?? (typeof apiKey === 'string' ? `Bearer ${apiKey}` : undefined);
  return key === undefined ? '' : hash('sha256', key).slice(0, 32);
}
