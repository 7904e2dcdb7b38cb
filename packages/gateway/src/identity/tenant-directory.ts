import { hash } from 'node:crypto';
import { apiError, type ApiError } from '@millrace/openai';
import { assertSendable } from '../messages/header-block.ts';
import { type KeyHeaders, tenantHeader } from './tenant-header.ts';

/** Who may use the gateway. */
export interface TenantOptions {
  readonly name: string;
  /** SHA-256 of each key, in hexadecimal; the keys themselves are kept nowhere. */
  readonly keyHashes: readonly string[];
  /** Models, and aliases, that the tenant may ask for; undefined: all. */
  readonly models: readonly string[] | undefined;
}

/** Whose request it is, or why it is refused. */
export type Identified =
  | { readonly kind: 'known'; readonly tenant: TenantOptions }
  /** There are no tenants: all may come, and whoever has the same key is one. */
  | { readonly kind: 'anybody' }
  | { readonly kind: 'refused'; readonly error: ApiError };

/** The tenants of a gateway by their keys. Keys are compared by hash, so that time tells nothing of them. */
export class TenantDirectory {
  readonly #tenantOf: ReadonlyMap<string, TenantOptions>;
  /** By the header in its usual form, for keys that were found once: hashing is dearer than all else here. */
  readonly #found = new Map<string, Identified>();

  constructor(tenants: readonly TenantOptions[]) {
    // Engines are told it.
    for (const { name } of tenants) assertSendable(tenantHeader, name);
    this.#tenantOf = new Map(
      tenants.flatMap((tenant) =>
        tenant.keyHashes.map((keyHash) => [keyHash.toLowerCase(), tenant]),
      ),
    );
  }

  identify(headers: KeyHeaders): Identified {
    const { authorization = '' } = headers;
    const found = this.#found.get(authorization);
    if (found !== undefined) return found;
    const key = keyIn(headers);
    if (key === undefined)
      return refused(
        'There is no API key; send it as "Authorization: Bearer KEY" or "x-api-key: KEY".',
      );
    const tenant = this.#tenantOf.get(keyHashOf(key));
    if (tenant === undefined) return refused('The API key is not known here.');
    const identified: Identified = { kind: 'known', tenant };
    // No more than there are keys: whoever writes a key in many ways is looked up each time.
    if (authorization === `Bearer ${key}`) this.#found.set(authorization, identified);
    return identified;
  }
}

/** What is kept of a key. */
export function keyHashOf(key: string): string {
  return hash('sha256', key);
}

function keyIn(headers: KeyHeaders): string | undefined {
  const bearer = /^Bearer +(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const key = headers['x-api-key'];
  return typeof key === 'string' && key !== '' ? key : undefined;
}

function refused(message: string): Identified {
  return { kind: 'refused', error: apiError('invalid_api_key', message) };
}
