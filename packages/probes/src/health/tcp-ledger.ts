import type { TcpEvent } from '../decoders/tcp-event.ts';
import { ProbesError } from '../errors.ts';
import { ConnectionHealth, type Send } from './connection-health.ts';

/** Bounds of what is kept of connections' TCP. */
export interface TcpLedgerOptions {
  /** Connections; the one that was quiet longest leaves. Default 16,384. */
  readonly connectionsMax?: number;
  /** Acknowledgements, retransmissions and episodes of one connection, each. Default 16,384. */
  readonly samplesPerConnectionMax?: number;
}

const mostMax = 1_048_576;

/** Keeps the account of TCP for each connection that the TCP health probe tells of. Pure. */
export class TcpLedger {
  readonly #connectionsMax: number;
  readonly #samplesMax: number;
  readonly #connections = new Map<number, ConnectionHealth>();
  #evicted = 0;

  constructor(options: TcpLedgerOptions = {}) {
    this.#connectionsMax = bounded('connectionsMax', options.connectionsMax);
    this.#samplesMax = bounded('samplesPerConnectionMax', options.samplesPerConnectionMax);
  }

  /** Connections that were forgotten because there was no room. */
  get evicted(): number {
    return this.#evicted;
  }

  push(event: TcpEvent): void {
    const known = this.#connections.get(event.cookie);
    const health = known ?? new ConnectionHealth(this.#samplesMax);
    health.take(event);
    // The map's order is that of the latest acknowledgement, so that the first was quiet longest.
    if (known !== undefined && event.kind === 'ack') this.#connections.delete(event.cookie);
    this.#connections.set(event.cookie, health);
    if (this.#connections.size <= this.#connectionsMax) return;
    const first = this.#connections.keys().next();
    if (first.done === true) return;
    this.#connections.delete(first.value);
    this.#evicted++;
  }

  /** Takes a send, as the sockets probe told it. Of connections that TCP has told nothing of, nothing is kept. */
  pushSend(cookie: number, send: Send): void {
    this.#connections.get(cookie)?.takeSend(send);
  }

  /** The account of a connection, as long as it is kept. */
  of(cookie: number): ConnectionHealth | undefined {
    return this.#connections.get(cookie);
  }
}

function bounded(name: keyof TcpLedgerOptions, value = 16_384): number {
  if (Number.isInteger(value) && value >= 1 && value <= mostMax) return value;
  throw new ProbesError(
    `keep the ledger of TCP: ${name} is ${value}; it is an integer from 1 to ${mostMax}`,
    { code: 'PROBES_OPTION_INVALID' },
  );
}
