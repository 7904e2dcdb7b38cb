import { type Endpoint, type EndpointMemory, KvFollower } from '@millrace/gateway';
import { PrefixLedger } from '@millrace/routing';
import type { Clock } from '@millrace/stdx';

/** What following the caches of engines needs. */
export interface KvFollowersParts {
  readonly memory: Pick<EndpointMemory, 'exactLedger' | 'blockSizes'>;
  readonly clock: Clock;
  readonly onNews: (news: string) => void;
}

/** Follows the KV events of every endpoint that tells them; lanes read what they say in shared memory. */
export class KvFollowers implements Disposable {
  readonly #parts: KvFollowersParts;
  readonly #ledger: PrefixLedger;
  readonly #blockSizes: Uint16Array;
  readonly #followers = new Map<Endpoint, KvFollower>();

  constructor(parts: KvFollowersParts) {
    this.#parts = parts;
    this.#ledger = PrefixLedger.open(parts.memory.exactLedger, parts.clock);
    this.#blockSizes = new Uint16Array(parts.memory.blockSizes);
  }

  /** Follows these from now on, and no others. */
  follow(endpoints: readonly Endpoint[]): void {
    for (const [endpoint, follower] of [...this.#followers]) {
      if (endpoints.includes(endpoint)) continue;
      follower[Symbol.dispose]();
      this.#followers.delete(endpoint);
    }
    for (const endpoint of endpoints) {
      const { kvEvents, name } = endpoint.options;
      if (kvEvents === undefined || this.#followers.has(endpoint)) continue;
      const follower = new KvFollower({
        place: kvEvents,
        index: endpoint.index,
        ledger: this.#ledger,
        blockSizes: this.#blockSizes,
        clock: this.#parts.clock,
        onNews: (news) => this.#parts.onNews(`endpoint ${name}: ${news}`),
      });
      this.#followers.set(endpoint, follower);
    }
  }

  /** Blocks that an endpoint says its cache holds; undefined where it does not say. */
  toldBlocks(endpoint: Endpoint): number | undefined {
    return this.#followers.get(endpoint)?.counts.held;
  }

  [Symbol.dispose](): void {
    this.follow([]);
  }
}
