// Hot path: `read` once a request, over every endpoint; the rest a few times a request. No allocation, no await.
import { assert, type Clock } from '@millrace/stdx';
import { RoutingError } from '../errors.ts';
import { bounded } from '../options.ts';
import { type CandidateField, circuitCodeOf, stateCodeOf } from './candidate-field.ts';
import type { CircuitState, EndpointState } from './endpoint.ts';

const magic = 0x4d454e45;
const headerWords = 4;
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
/** A number with which lanes charge endpoints: its place among an endpoint's, and in a lane's own account. */
interface Charge {
  readonly sumAt: number;
  readonly accountAt: number;
}
const running: Charge = { sumAt: at.runningTokens, accountAt: 0 };
const queuedPrefill: Charge = { sumAt: at.queuedPrefillTokens, accountAt: 1 };
const concurrent: Charge = { sumAt: at.concurrency, accountAt: 2 };
const charges = [running, queuedPrefill, concurrent];
const wordsPerAccount = 4;
/** How much one answer moves the trust. */
const trustStep = 0.1;
/**
 * What a prompt leaves of the sums of tokens and of time before it, whose quotient is the speed. Sums, for what a request
 * was charged and what was computed differ wherever the ledger errs, and a short time must not weigh like a long one.
 */
const speedKept = 0.95;
const computedMicrosMax = 2 ** 30;

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
  /** Threads that charge endpoints. */
  readonly lanesMax?: number;
}

/**
 * State and load of all endpoints, in memory that threads share or in the memory of one.
 * It starts with every endpoint healthy, trusted and idle.
 *
 *     header     4 words       magic, endpoints, lanes
 *     endpoints  16 words each the numbers of `at`, sums over all lanes
 *     accounts   4 words each  a row of one per endpoint for every lane: what it has charged, so that the charges of a
 *                              lane that ended amid its requests can be taken back
 */
export class EndpointTable {
  readonly buffer: ArrayBufferLike;
  readonly endpointsMax: number;
  readonly lanesMax: number;
  readonly #words: Int32Array;
  readonly #clock: Clock;
  readonly #lane: number;

  private constructor(words: Int32Array, clock: Clock, lane: number) {
    this.#words = words;
    this.#clock = clock;
    this.#lane = lane;
    this.buffer = words.buffer;
    this.endpointsMax = words[1] as number;
    this.lanesMax = words[2] as number;
    assert(lane >= 0 && lane < this.lanesMax, `lane ${lane} of a table for ${this.lanesMax}`);
  }

  /** Takes the memory. */
  static create(options: EndpointTableOptions): EndpointTable {
    const endpointsMax = bounded('endpointsMax', options.endpointsMax, {
      least: 1,
      most: 1_024,
      byDefault: 32,
    });
    const lanesMax = bounded('lanesMax', options.lanesMax, { least: 1, most: 256, byDefault: 1 });
    const bytes = bytesFor(endpointsMax, lanesMax);
    const buffer =
      options.memory === 'shared' ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
    const words = new Int32Array(buffer);
    words[0] = magic;
    words[1] = endpointsMax;
    words[2] = lanesMax;
    return new EndpointTable(words, options.clock, 0);
  }

  /** The table of another thread, to charge as the lane given; a lane is one thread at a time. */
  static open(buffer: SharedArrayBuffer, clock: Clock, lane = 0): EndpointTable {
    const words = new Int32Array(buffer);
    const [found, endpointsMax = 0, lanesMax = 0] = words;
    if (found !== magic || buffer.byteLength !== bytesFor(endpointsMax, lanesMax)) {
      throw new RoutingError(
        `open endpoint table: ${buffer.byteLength} bytes of shared memory were not made by one`,
        { code: 'ROUTING_MEMORY_INVALID' },
      );
    }
    return new EndpointTable(words, clock, lane);
  }

  /** Writes what is known of each endpoint of the field into its columns. */
  read(field: CandidateField): void {
    const words = this.#words;
    const nowMs = this.#nowMs();
    const { count, indices, states, circuits, trust, concurrency } = field;
    const { runningTokens, waitingTokens, queuedPrefillTokens } = field;
    const { prefillTokensPerSecond, prefillingMs } = field;
    for (let place = 0; place < count; place++) {
      const first = this.#first(indices[place] as number);
      const queued = atLeastZero(words[first + at.queuedPrefillTokens]);
      states[place] = words[first + at.state] as number;
      circuits[place] = words[first + at.circuit] as number;
      runningTokens[place] = atLeastZero(words[first + at.runningTokens]);
      waitingTokens[place] = atLeastZero(words[first + at.waitingTokens]);
      queuedPrefillTokens[place] = queued;
      concurrency[place] = atLeastZero(words[first + at.concurrency]);
      trust[place] = 1 - (words[first + at.distrustPpm] as number) / 1e6;
      prefillTokensPerSecond[place] = atLeastZero(words[first + at.prefillTokensPerSecond]);
      prefillingMs[place] = queued === 0 ? 0 : sinceMs(words[first + at.prefillSinceMs], nowMs);
    }
  }

  /** How far the ledger's word on it has proved right, from 0 to 1. */
  trustOf(endpoint: number): number {
    return 1 - (this.#words[this.#first(endpoint) + at.distrustPpm] as number) / 1e6;
  }

  /** Requests that lanes have sent there and that have not ended. */
  concurrencyOf(endpoint: number): number {
    return atLeastZero(this.#words[this.#first(endpoint) + at.concurrency]);
  }

  setState(endpoint: number, state: EndpointState): void {
    Atomics.store(this.#words, this.#first(endpoint) + at.state, stateCodeOf(state));
  }

  setCircuit(endpoint: number, circuit: CircuitState): void {
    Atomics.store(this.#words, this.#first(endpoint) + at.circuit, circuitCodeOf(circuit));
  }

  /** Adds to a number, or takes from it; what was added is taken exactly once. */
  add(endpoint: number, field: LoadField, delta: number): void {
    this.#charge(endpoint, field === 'concurrency' ? concurrent : running, Math.round(delta));
  }

  /** Takes over what the engine says. */
  report(endpoint: number, field: ReportedField, value: number): void {
    const offset = field === 'waitingTokens' ? at.waitingTokens : at.prefillTokensPerSecond;
    this.#store(this.#first(endpoint) + offset, Math.round(value));
  }

  /** Prompt tokens go to the endpoint; where none were queued, it begins with them. */
  beginPrefill(endpoint: number, tokens: number): void {
    const first = this.#first(endpoint);
    const before = this.#charge(endpoint, queuedPrefill, tokens);
    if (before <= 0) Atomics.store(this.#words, first + at.prefillSinceMs, this.#nowMs() | 0);
  }

  /** Prompt tokens are computed, or given up. What was computed since the latest ones tells the endpoint's speed. */
  endPrefill(endpoint: number, tokens: number, how: 'computed' | 'given-up'): void {
    const words = this.#words;
    const first = this.#first(endpoint);
    this.#charge(endpoint, queuedPrefill, -tokens);
    if (how === 'given-up') return;
    const nowMs = this.#nowMs();
    const tookMs = sinceMs(words[first + at.prefillSinceMs], nowMs);
    this.#store(first + at.prefillSinceMs, nowMs | 0);
    const computedTokens = speedKept * (words[first + at.computedTokens] as number) + tokens;
    const computedMicros =
      speedKept * (words[first + at.computedMicros] as number) + 1_000 * tookMs;
    if (computedTokens > 2 ** 30 || computedMicros > computedMicrosMax) return;
    // Of two threads that measure at once one may win: the next prompt tells the same.
    this.#store(first + at.computedTokens, Math.round(computedTokens));
    this.#store(first + at.computedMicros, Math.round(computedMicros));
    if (computedMicros < 1_000) return;
    const speed = (1e6 * computedTokens) / computedMicros;
    this.#store(first + at.prefillTokensPerSecond, Math.round(Math.min(speed, 1e9)));
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
    this.#store(word, Math.round(moved * 1e6));
  }

  /** Makes the endpoint one of which nothing is known, for another to take its index. */
  reset(endpoint: number): void {
    const first = this.#first(endpoint);
    for (const offset of Object.values(at)) Atomics.store(this.#words, first + offset, 0);
  }

  /** A lane has ended amid its requests: what it had charged is taken back. It must not charge any more. */
  takeBack(lane: number): void {
    for (let endpoint = 0; endpoint < this.endpointsMax; endpoint++) {
      const account = this.#account(lane, endpoint);
      for (const { sumAt, accountAt } of charges) {
        const charged = Atomics.exchange(this.#words, account + accountAt, 0);
        if (charged !== 0) Atomics.sub(this.#words, this.#first(endpoint) + sumAt, charged);
      }
    }
  }

  /** Mostly the same stands there already, and a store that all threads see is dear. */
  #store(word: number, value: number): void {
    if (this.#words[word] !== value) Atomics.store(this.#words, word, value);
  }

  #nowMs(): number {
    return this.#clock.unixMs();
  }

  /** Changes a number that is taken back if the lane ends; returns what it was over all lanes. */
  #charge(endpoint: number, { sumAt, accountAt }: Charge, delta: number): number {
    const words = this.#words;
    const first = this.#first(endpoint);
    const account = this.#account(this.#lane, endpoint) + accountAt;
    // Nobody else writes a lane's account while it runs: only the sum has to be changed by all at once.
    words[account] = (words[account] as number) + delta;
    return Atomics.add(words, first + sumAt, delta);
  }

  /** A lane's account with an endpoint. */
  #account(lane: number, endpoint: number): number {
    const accounts = headerWords + this.endpointsMax * wordsPerEndpoint;
    return accounts + (lane * this.endpointsMax + endpoint) * wordsPerAccount;
  }

  #first(endpoint: number): number {
    // Asked for every endpoint of every decision: the message is put together only where it is needed.
    if (endpoint < 0 || endpoint >= this.endpointsMax)
      assert(false, `endpoint ${endpoint} of a table for ${this.endpointsMax}`);
    return headerWords + endpoint * wordsPerEndpoint;
  }
}

function bytesFor(endpointsMax: number, lanesMax: number): number {
  return 4 * (headerWords + endpointsMax * (wordsPerEndpoint + lanesMax * wordsPerAccount));
}

/** A lane that ended between its account and the sum has charged one only: loads below zero read as none. */
function atLeastZero(word: number | undefined): number {
  return word === undefined || word < 0 ? 0 : word;
}

/** Times are kept as the lower 32 bits of milliseconds; a clock set back reads as no time at all. */
function sinceMs(word: number | undefined, nowMs: number): number {
  return Math.max(0, ((nowMs | 0) - (word ?? 0)) | 0);
}
