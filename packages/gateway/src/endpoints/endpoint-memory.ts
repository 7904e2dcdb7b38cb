import { EndpointTable, PrefixLedger } from '@millrace/routing';
import { assert, type Clock } from '@millrace/stdx';
import { GatewayError } from '../errors.ts';
import { healthWords } from './endpoint-health.ts';
import {
  createResilienceMemory,
  forgetPlace,
  type ResilienceMemory,
} from '../resilience/resilience.ts';
import { loadWords } from './endpoint-load.ts';
import { promptTokensPerBlock } from './prompt-facts.ts';

/** What lanes share about endpoints, as plain data that threads can send each other: each endpoint has its place in all of it. */
export interface EndpointMemory {
  /** Loads that requests put on endpoints. */
  readonly table: SharedArrayBuffer;
  /** Which endpoint holds which prefix. */
  readonly ledger: SharedArrayBuffer;
  /** Health of each endpoint, and what it says of its load. */
  readonly vitals: SharedArrayBuffer;
  /** Circuits, budgets and paces. */
  readonly resilience: ResilienceMemory;
  /** Which endpoint holds which blocks of tokens, by the engines' own words. */
  readonly exactLedger: SharedArrayBuffer;
  /** Tokens in a block of each endpoint, in 16 bits; 0 where it does not tell what it holds. */
  readonly blockSizes: SharedArrayBuffer;
}

/** How much is taken, once. */
export interface EndpointMemoryOptions {
  readonly clock: Clock;
  /** Endpoints at once, those that are leaving included. */
  readonly endpointsMax: number;
  readonly ledgerBytes: number;
  readonly lanesMax: number;
}

const vitalsWords = healthWords + loadWords;

/** Takes the memory. */
export function createEndpointMemory(options: EndpointMemoryOptions): EndpointMemory {
  const { clock, endpointsMax, ledgerBytes, lanesMax } = options;
  const table = EndpointTable.create({ clock, endpointsMax, lanesMax, memory: 'shared' });
  return {
    table: table.buffer as SharedArrayBuffer,
    ledger: PrefixLedger.create(clock, { endpointsMax, ledgerBytes }).buffer,
    vitals: new SharedArrayBuffer(4 * vitalsWords * endpointsMax),
    resilience: createResilienceMemory(clock, endpointsMax),
    exactLedger: PrefixLedger.create(clock, { endpointsMax, ledgerBytes }).buffer,
    blockSizes: new SharedArrayBuffer(2 * endpointsMax),
  };
}

/** The vitals of the endpoint at a place. */
export function vitalsOf(
  { vitals }: Pick<EndpointMemory, 'vitals'>,
  index: number,
): { readonly health: Int32Array; readonly load: Int32Array } {
  const from = 4 * vitalsWords * index;
  assert(index >= 0 && from < vitals.byteLength, `place ${index} is outside of the memory`);
  return {
    health: new Int32Array(vitals, from, healthWords),
    load: new Int32Array(vitals, from + 4 * healthWords, loadWords),
  };
}

/** Gives endpoints their places in the memory, and takes a place back when the last request of its endpoint has ended. */
export class EndpointPlaces {
  readonly #table: EndpointTable;
  /** By what was sent there. */
  readonly #ledger: PrefixLedger;
  /** By the engines' own words. */
  readonly #exactLedger: PrefixLedger;
  readonly #memory: EndpointMemory;
  readonly #clock: Clock;
  readonly #taken = new Set<number>();
  readonly #leaving = new Set<number>();

  constructor(memory: EndpointMemory, clock: Clock) {
    this.#memory = memory;
    this.#clock = clock;
    this.#table = EndpointTable.open(memory.table, clock);
    this.#ledger = PrefixLedger.open(memory.ledger, clock);
    this.#exactLedger = PrefixLedger.open(memory.exactLedger, clock);
  }

  /** A free place. Throws `GATEWAY_ENDPOINTS_TOO_MANY` where there is none. */
  take(): number {
    this.#freeIdle();
    for (let index = 0; index < this.#table.endpointsMax; index++) {
      if (this.#taken.has(index)) continue;
      this.#taken.add(index);
      return index;
    }
    throw new GatewayError(
      `open an endpoint: there is room for ${this.#table.endpointsMax}, and ${this.#leaving.size} that left still answer requests`,
      { code: 'GATEWAY_ENDPOINTS_TOO_MANY' },
    );
  }

  /** No lane sends requests there any more. */
  leave(index: number): void {
    this.#leaving.add(index);
    this.#freeIdle();
  }

  /** Requests at a place, of all lanes. */
  activeCount(index: number): number {
    return this.#table.concurrencyOf(index);
  }

  /**
   * Tells how many tokens the cache at a place has room for: what was used longest ago is then taken to have gone from it.
   * An engine that tells of each block needs no such guess.
   */
  setCacheTokens(index: number, tokens: number): void {
    this.#ledger.setCapacity(index, Math.max(1, Math.floor(tokens / promptTokensPerBlock)));
  }

  /** How far the ledger's word on a place has proved right, from 0 to 1. */
  trust(index: number): number {
    return this.#table.trustOf(index);
  }

  /** A lane has ended amid its requests: their load is taken off the endpoints. */
  takeBackLane(lane: number): void {
    this.#table.takeBack(lane);
  }

  /** Clears a part of what the ledgers have outlived, of so many parts; called again and again. */
  sweepLedgers(parts: number): void {
    for (const ledger of [this.#ledger, this.#exactLedger])
      ledger.sweep(Math.ceil(ledger.counts().entryCount / parts));
  }

  #freeIdle(): void {
    for (const index of this.#leaving) {
      if (this.#table.concurrencyOf(index) > 0) continue;
      this.#leaving.delete(index);
      this.#taken.delete(index);
      this.#ledger.setCapacity(index);
      this.#exactLedger.forgetEndpoint(index);
      this.#table.reset(index);
      forgetPlace(this.#memory.resilience, this.#clock, index);
      const { health, load } = vitalsOf(this.#memory, index);
      for (const words of [health, load])
        for (let word = 0; word < words.length; word++) Atomics.store(words, word, 0);
    }
  }
}
