// Hot path: `read` once a request and endpoint, the rest a few times a request. No allocation, no await.
import { assert, type Clock } from '@millrace/stdx';
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
  prefillSinceMs: 8,
  computedTokens: 9,
  computedMicros: 10,
} as const;
/** How much one answer moves the trust. */
const trustStep = 0.1;
/**
 * What a prompt leaves of the sums of tokens and of time before it, whose quotient is the speed. Sums, for what a request
 * was charged and what was computed differ wherever the ledger errs, and a short time must not weigh like a long one.
 */
const speedKept = 0.95;
const computedMicrosMax = 2 ** 30;

/** A load into which the table writes. */
export type MutableLoad = { -readonly [Name in keyof EndpointLoad]: EndpointLoad[Name] };

/** A number of an endpoint that requests add to and take from. */
export type LoadField = 'runningTokens' | 'concurrency';

/** A number of an endpoint that its engine tells. */
export type ReportedField = 'waitingTokens' | 'prefillTokensPerSecond';

/** Where a table's memory is and by which clock it tells time; every thread's tells the same `unixMs`. */
export interface EndpointTableOptions {
  readonly clock: Clock;
  /** `shared` memory is opened by other threads; `private` memory is for one thread alone. */
  readonly memory: 'shared' | 'private';
  readonly endpointsMax?: number;
}

/**
 * State and load of all endpoints, in memory that threads share or in the memory of one.
 * It starts with every endpoint healthy, trusted and idle.
 */
export class EndpointTable {
  readonly buffer: ArrayBufferLike;
  readonly endpointsMax: number;
  readonly #words: Int32Array;
  readonly #clock: Clock;

  private constructor(words: Int32Array, clock: Clock) {
    this.#words = words;
    this.#clock = clock;
    this.buffer = words.buffer;
    this.endpointsMax = words[1] as number;
  }

  /** Takes the memory. */
  static create(options: EndpointTableOptions): EndpointTable {
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
    return new EndpointTable(words, options.clock);
  }

  /** The table of another thread. */
  static open(buffer: SharedArrayBuffer, clock: Clock): EndpointTable {
    const words = new Int32Array(buffer);
    if (words[0] !== magic) {
      throw new RoutingError(
        `open endpoint table: ${buffer.byteLength} bytes of shared memory were not made by one`,
        { code: 'ROUTING_MEMORY_INVALID' },
      );
    }
    return new EndpointTable(words, clock);
  }

  /** The time by which `read` is to tell how long prompts have been computed; asked once for all endpoints. */
  nowMs(): number {
    return this.#clock.unixMs();
  }

  /** Writes what is known of the endpoint into `load`. */
  read(endpoint: number, load: MutableLoad, nowMs: number): void {
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
    load.prefillingMs =
      load.queuedPrefillTokens === 0 ? 0 : sinceMs(words[first + at.prefillSinceMs], nowMs);
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

  /** Prompt tokens go to the endpoint; where none were queued, it begins with them. */
  beginPrefill(endpoint: number, tokens: number): void {
    const first = this.#first(endpoint);
    const before = Atomics.add(this.#words, first + at.queuedPrefillTokens, tokens);
    if (before <= 0) Atomics.store(this.#words, first + at.prefillSinceMs, this.nowMs() | 0);
  }

  /** Prompt tokens are computed, or given up. What was computed since the latest ones tells the endpoint's speed. */
  endPrefill(endpoint: number, tokens: number, how: 'computed' | 'given-up'): void {
    const words = this.#words;
    const first = this.#first(endpoint);
    Atomics.sub(words, first + at.queuedPrefillTokens, tokens);
    if (how === 'given-up') return;
    const nowMs = this.nowMs();
    const tookMs = sinceMs(words[first + at.prefillSinceMs], nowMs);
    Atomics.store(words, first + at.prefillSinceMs, nowMs | 0);
    const computedTokens = speedKept * (words[first + at.computedTokens] as number) + tokens;
    const computedMicros =
      speedKept * (words[first + at.computedMicros] as number) + 1_000 * tookMs;
    if (computedTokens > 2 ** 30 || computedMicros > computedMicrosMax) return;
    // Of two threads that measure at once one may win: the next prompt tells the same.
    Atomics.store(words, first + at.computedTokens, Math.round(computedTokens));
    Atomics.store(words, first + at.computedMicros, Math.round(computedMicros));
    if (computedMicros < 1_000) return;
    const speed = (1e6 * computedTokens) / computedMicros;
    Atomics.store(words, first + at.prefillTokensPerSecond, Math.round(Math.min(speed, 1e9)));
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

/** Times are kept as the lower 32 bits of milliseconds; a clock set back reads as no time at all. */
function sinceMs(word: number | undefined, nowMs: number): number {
  return Math.max(0, ((nowMs | 0) - (word ?? 0)) | 0);
}
