import { EngineBlocks, type PrefixLedger } from '@millrace/routing';
import type { Clock } from '@millrace/stdx';
import type { KvEvent } from './kv-event-batch.ts';
import { KvSubscriber, type KvSubscriberCounts } from './kv-subscriber.ts';
import { zmtpAddress } from './zmtp-connection.ts';

/** Where an engine publishes what its cache holds. */
export interface KvEventPlace {
  /** `tcp://host:port` or `ipc:///path`. */
  readonly url: string;
  /** Where messages that were missed can be had again. */
  readonly replay?: string | undefined;
  /** What the topics of its messages begin with; by default any. */
  readonly topic?: string | undefined;
}

/** What following an engine's cache needs. */
export interface KvFollowerOptions {
  readonly place: KvEventPlace;
  /** The endpoint's place in the ledger. */
  readonly index: number;
  /** A ledger that only engines' events write to. */
  readonly ledger: PrefixLedger;
  /** Tokens in a block, by endpoint: written when an engine first tells; 0 is not known. */
  readonly blockSizes: Uint16Array;
  readonly clock: Clock;
  readonly onNews: (news: string) => void;
}

/** Blocks of one engine that are kept account of. */
const blocksMax = 1_000_000;

/** Keeps the ledger exact about one engine, by its KV events. */
export class KvFollower implements Disposable {
  readonly #options: KvFollowerOptions;
  readonly #blocks: EngineBlocks;
  readonly #subscriber: KvSubscriber;

  /** Throws `GATEWAY_ZMTP_INVALID` for an address of another form. */
  constructor(options: KvFollowerOptions) {
    const { place, clock, onNews } = options;
    this.#options = options;
    this.#blocks = new EngineBlocks(options.ledger, options.index, blocksMax);
    this.#subscriber = new KvSubscriber({
      events: zmtpAddress(place.url),
      replay: place.replay === undefined ? undefined : zmtpAddress(place.replay),
      topic: place.topic ?? '',
      clock,
      onEvents: (events) => events.forEach((event) => this.#note(event)),
      onForget: () => this.#forget(),
      onNews,
    });
  }

  get counts(): KvSubscriberCounts & EngineBlocks['counts'] {
    return { ...this.#subscriber.counts, ...this.#blocks.counts };
  }

  [Symbol.dispose](): void {
    this.#subscriber[Symbol.dispose]();
    this.#forget();
  }

  #note(event: KvEvent): void {
    switch (event.kind) {
      case 'stored':
        // Tokens do not name what an image or a salt is part of, nor what an adapter computed, nor a part of the layers.
        if (event.hasExtraKeys || event.lora !== '' || event.group !== 0) return;
        this.#options.blockSizes[this.#options.index] = event.blockSize;
        return this.#blocks.store({ ...event, salt: 0 });
      case 'removed':
        return event.group === 0 ? this.#blocks.remove(event.blocks, event.medium) : undefined;
      case 'cleared':
        return this.#blocks.clear();
    }
  }

  /** Until it tells again, the endpoint is supposed about like any other. */
  #forget(): void {
    this.#blocks.clear();
    this.#options.blockSizes[this.#options.index] = 0;
  }
}
