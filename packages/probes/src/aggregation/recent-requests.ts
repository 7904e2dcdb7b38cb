import type { RequestRecord } from '../requests/request-record.ts';

const requestsMax = 16_384;

/**
 * Knows a request again that is told twice, as when recordings overlap: by its connection, its stream and its start, and
 * by nothing that two requests could share. The oldest are forgotten first.
 */
export class RecentRequests {
  readonly #keys = new Set<string>();

  isFirst({ cookie, streamId, startNs, localPort }: RequestRecord): boolean {
    const key = `${localPort} ${cookie} ${streamId} ${startNs}`;
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    if (this.#keys.size > requestsMax) {
      const oldest = this.#keys.values().next();
      if (oldest.done !== true) this.#keys.delete(oldest.value);
    }
    return true;
  }
}
