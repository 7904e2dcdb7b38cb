import type { RequestHead } from './exchange.ts';

/** A request that has been read whole. */
export interface OwnRequest extends RequestHead {
  readonly body: Buffer;
}

/** An answer that is whole. */
export interface OwnAnswer {
  readonly status: number;
  /** Names in lower case; the length of the body is not among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

/**
 * Answers a request that is not for a backend; undefined where it is none of this route's. `models` are those that the tenant
 * may see; undefined: all.
 */
export type OwnRoute = (
  request: OwnRequest,
  models: readonly string[] | undefined,
) => OwnAnswer | undefined | Promise<OwnAnswer | undefined>;

/** The path of a target, without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

/** An answer in JSON. */
export function jsonAnswer(status: number, value: unknown): OwnAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  };
}
