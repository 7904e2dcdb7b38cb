import type { SocketEvent } from '../decoders/socket-event.ts';
import { type AssemblyBounds, type AssemblyOptions, resolveAssemblyOptions } from '../options.ts';
import type { RequestRecord } from '../requests/request-record.ts';
import { Connection } from './connection.ts';

/** What an assembly tells of itself. */
export interface AssemblyCounts {
  readonly connections: number;
  readonly openRequests: number;
  readonly connectionsEvicted: number;
}

/**
 * Puts requests together from the events of the sockets probe. Pure: the same events give the same records, however
 * their bytes were cut into operations, except for what counts the operations themselves.
 */
export class Assembly {
  readonly #bounds: AssemblyBounds;
  readonly #onRequest: (record: RequestRecord) => void;
  readonly #connections = new Map<number, Connection>();
  #evicted = 0;
  #lastNs = 0;

  constructor(onRequest: (record: RequestRecord) => void, options: AssemblyOptions = {}) {
    this.#bounds = resolveAssemblyOptions(options);
    this.#onRequest = onRequest;
  }

  get counts(): AssemblyCounts {
    let openRequests = 0;
    for (const connection of this.#connections.values()) {
      for (const _ of connection.open()) openRequests++;
    }
    return { connections: this.#connections.size, openRequests, connectionsEvicted: this.#evicted };
  }

  /** Takes one event. Its bytes are not kept. */
  push(event: SocketEvent): void {
    this.#lastNs = event.timeNs;
    const connection = this.#connectionOf(event);
    if (connection === undefined) return;
    if (connection.take(event)) this.#connections.delete(event.cookie);
  }

  /** Events were dropped: whatever is under way may lack some. */
  noteLoss(): void {
    for (const connection of this.#connections.values()) {
      for (const draft of connection.open()) draft.markIncomplete('events-lost');
    }
  }

  /** Ends what is under way, as incomplete. */
  close(): void {
    for (const connection of this.#connections.values()) connection.close('lost', this.#lastNs);
    this.#connections.clear();
  }

  #connectionOf(event: SocketEvent): Connection | undefined {
    const known = this.#connections.get(event.cookie);
    if (known !== undefined) {
      // The map's order is that of the latest request, so that the first is the one that was quiet longest.
      if (event.kind === 'receive') {
        this.#connections.delete(event.cookie);
        this.#connections.set(event.cookie, known);
      }
      return known;
    }
    if (event.kind === 'state') return undefined;
    if (this.#connections.size >= this.#bounds.connectionsMax) this.#evict();
    const connection = new Connection(event, {
      bounds: this.#bounds,
      finish: (draft, ending, timeNs) => this.#onRequest(draft.finish(ending, timeNs)),
    });
    this.#connections.set(event.cookie, connection);
    return connection;
  }

  #evict(): void {
    const first = this.#connections.entries().next();
    if (first.done === true) return;
    const [cookie, connection] = first.value;
    connection.close('lost', this.#lastNs);
    this.#connections.delete(cookie);
    this.#evicted++;
  }
}
