import { hash } from 'node:crypto';

/** The header by which an engine is told whose request it is. What a client sends in it is replaced. */
export const tenantHeader = 'x-millrace-tenant';

/** Whose request it is: whoever has the same key. Empty when there is none; the key itself goes no further. */
export function tenantOf(authorization: string | undefined): string {
  return authorization === undefined ? '' : hash('sha256', authorization).slice(0, 32);
}
