// Hot path: `read` once a request and endpoint, the rest a few times a request. No allocation, no await.
import { assert } from '@millrace/stdx';
import { RoutingError } from '../errors.ts';
import { bounded } from '../options.ts';
import type { CircuitState, EndpointLoad, EndpointState } from './endpoint.ts';

const states: readonly EndpointState[] = ['healthy', 'draining', 'ejected'];
const circuits: readonly CircuitState[] = ['closed', 'half-open', 'open'];
const magic = 0x4d454e44;
const headerWords = 2;
/** A cache line for each endpoint, so that lanes that write to different ones do not wait for each other. */
const wordsPerEndpoint = 16;
const at = {
  state: 0,
  circuit: 1,
  runningTokens: 2,
  waitingTokens: 3,
  queuedPrefillTokens: 4,
  concurrency: 5,
  distrustPpm: 6,
  prefillTokensPerSecond: 7,
} as const;
/** How much one answer moves the trust. */
const trustStep = 0.1;

/** A load into which the table writes. */
export type MutableLoad = { -readonly [Name in keyof EndpointLoad]: EndpointLoad[Name] };

/** A number of an endpoint that requests add to and take from. */
export type LoadField = 'runningTokens' | 'queuedPrefillTokens' | 'concurrency';

/** A number of an endpoint that its engine tells. */
export type ReportedField = 'waitingTokens' | 'prefillTokensPerSecond';

/**
 * State and load of all endpoints, in memory that threads share or in the memory of one.
 * It starts with every endpoint healthy, trusted and idle.
 */
export class EndpointTable {
  readonly buffer: ArrayBufferLike;
  readonly endpointsMax: number;
  readonly #words: Int32Array;

  private constructor(words: Int32Array) {
    this.#words = words;
    this.buffer = words.buffer;
    this.endpointsMax = words[1] as number;
  }

  /** `shared` memory is opened by other threads; `private` memory is for one thread alone. */
  static create(options: {
    readonly endpointsMax?: number;
    readonly memory: 'shared' | 'private';
  }): EndpointTable {
    const endpointsMax = bounded('endpointsMax', options.endpointsMax, {
      least: 1,
      most: 1_024,
      byDefault: 32,
    });
    const bytes = 4 * (headerWords + endpointsMax * wordsPerEndpoint);
    const buffer =
      options.memory === 'shared' ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
    const words = new Int32Array(buffer);
    words[0] = magic;
    words[1] = endpointsMax;
    return new EndpointTable(words);
  }

  /** The table of another thread. */
  static open(buffer: SharedArrayBuffer): EndpointTable {
    const words = new Int32Array(buffer);
    if (words[0] !== magic) {
      throw new RoutingError(
        `open endpoint table: ${buffer.byteLength} bytes of shared memory were not made by one`,
        { code: 'ROUTING_MEMORY_INVALID' },
      );
    }
    return new EndpointTable(words);
  }

  /** Writes what is known of the endpoint into `load`. */
  read(endpoint: number, load: MutableLoad): void {
    const words = this.#words;
    const first = this.#first(endpoint);
    load.state = states[words[first + at.state] as number] ?? 'ejected';
    load.circuit = circuits[words[first + at.circuit] as number] ?? 'open';
    load.runningTokens = atLeastZero(words[first + at.runningTokens]);
    load.waitingTokens = atLeastZero(words[first + at.waitingTokens]);
    load.queuedPrefillTokens = atLeastZero(words[first + at.queuedPrefillTokens]);
    load.concurrency = atLeastZero(words[first + at.concurrency]);
    load.trust = 1 - (words[first + at.distrustPpm] as number) / 1e6;
    load.prefillTokensPerSecond = atLeastZero(words[first + at.prefillTokensPerSecond]);
  }

  setState(endpoint: number, state: EndpointState): void {
    Atomics.store(this.#words, this.#first(endpoint) + at.state, states.indexOf(state));
  }

  setCircuit(endpoint: number, circuit: CircuitState): void {
    Atomics.store(this.#words, this.#first(endpoint) + at.circuit, circuits.indexOf(circuit));
  }

  /** Adds to a number, or takes from it; what was added is taken exactly once. */
  add(endpoint: number, field: LoadField, delta: number): void {
    Atomics.add(this.#words, this.#first(endpoint) + at[field], Math.round(delta));
  }

  /** Takes over what the engine says. */
  report(endpoint: number, field: ReportedField, value: number): void {
    Atomics.store(this.#words, this.#first(endpoint) + at[field], Math.round(value));
  }

  /** Compares the ledger's word with the engine's: trust falls when too much was promised, and rises again. */
  observeCachedTokens(
    endpoint: number,
    tokens: { readonly promised: number; readonly cached: number },
  ): void {
    if (tokens.promised <= 0) return;
    const agreement = Math.min(1, tokens.cached / tokens.promised);
    const word = this.#first(endpoint) + at.distrustPpm;
    const distrust = (this.#words[word] as number) / 1e6;
    const moved = distrust + trustStep * (1 - agreement - distrust);
    // Of two threads that observe at once one may win: the next answer says the same.
    Atomics.store(this.#words, word, Math.round(moved * 1e6));
  }

  /** Makes the endpoint one of which nothing is known, for another to take its index. */
  reset(endpoint: number): void {
    const first = this.#first(endpoint);
    for (const offset of Object.values(at)) Atomics.store(this.#words, first + offset, 0);
  }

  #first(endpoint: number): number {
    // Asked for every endpoint of every decision: the message is put together only where it is needed.
    if (endpoint < 0 || endpoint >= this.endpointsMax)
      assert(false, `endpoint ${endpoint} of a table for ${this.endpointsMax}`);
    return headerWords + endpoint * wordsPerEndpoint;
  }
}

/** A thread that ended amid a request has taken what another had not yet added: loads below zero read as none. */
function atLeastZero(word: number | undefined): number {
  return word === undefined || word < 0 ? 0 : word;
}
