// Hot path: `mayTry` once a request and endpoint, `begin` and `end` once a try. No allocation, no await.
import { assert, type Clock, type Prng } from '@millrace/stdx';
import { GatewayError } from '../errors.ts';
import type { CircuitBounds } from './circuit-bounds.ts';

/** Requests pass; none does; one at a time does. */
export type Circuit = 'closed' | 'open' | 'half-open';

/** Leave to send one request: `try` while a circuit is half-open. */
export type Leave = 'refused' | 'open-way' | 'try';

/** What a request shows about an endpoint: `unknown` where the client left before anything was shown. */
export type TryOutcome = 'success' | 'failure' | 'unknown';

/** What a table of circuits is made from. */
export interface CircuitTableParts {
  /** Every thread's tells the same `unixMs`. */
  readonly clock: Clock;
  readonly prng: Prng;
  readonly bounds: CircuitBounds;
}

const magic = 0x4d434954;
const headerWords = 2;
/** A cache line for each endpoint. */
const wordsPerEndpoint = 16;

const at = {
  isOpen: 0,
  isUsed: 1,
  failuresInARow: 2,
  opensInARow: 3,
  openUntilMs: 4,
  /** 0, or when the try under way began: its lower bits, the last one set. */
  tryingSinceMs: 5,
  triesSucceeded: 6,
  windowStartMs: 7,
  successes: 8,
  failures: 9,
  successesBefore: 10,
  failuresBefore: 11,
} as const;

/** Spread of the time that a circuit stays open, so that endpoints which failed together are not tried together. */
const openSpread = 0.2;

/**
 * A circuit breaker for each endpoint, in memory that threads share or in that of one. Of two threads that note outcomes
 * at once one may be lost: the next outcome says the same.
 */
export class CircuitTable {
  readonly buffer: ArrayBufferLike;
  readonly endpointsMax: number;
  readonly #words: Int32Array;
  readonly #parts: CircuitTableParts;

  private constructor(words: Int32Array, parts: CircuitTableParts) {
    this.#words = words;
    this.#parts = parts;
    this.buffer = words.buffer;
    this.endpointsMax = words[1] as number;
  }

  /** Takes the memory: `shared` for several threads, `private` for one. */
  static create(
    parts: CircuitTableParts,
    size: { readonly endpointsMax: number; readonly memory: 'shared' | 'private' },
  ): CircuitTable {
    const bytes = 4 * (headerWords + size.endpointsMax * wordsPerEndpoint);
    const isShared = size.memory === 'shared';
    const words = new Int32Array(isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
    words[0] = magic;
    words[1] = size.endpointsMax;
    return new CircuitTable(words, parts);
  }

  /** The table of another thread. */
  static open(buffer: SharedArrayBuffer, parts: CircuitTableParts): CircuitTable {
    const words = new Int32Array(buffer);
    if (words[0] === magic) return new CircuitTable(words, parts);
    throw new GatewayError(
      `open table of circuits: ${buffer.byteLength} bytes of shared memory were not made by one`,
      { code: 'GATEWAY_MEMORY_INVALID' },
    );
  }

  /** The index is nobody's: it no longer counts among all endpoints, and begins anew with the next. */
  release(endpoint: number): void {
    const first = this.#first(endpoint);
    for (let word = 0; word < wordsPerEndpoint; word++) Atomics.store(this.#words, first + word, 0);
  }

  circuit(endpoint: number): Circuit {
    const first = this.#first(endpoint);
    if (this.#words[first + at.isOpen] === 0) return 'closed';
    return this.#sinceMs(first + at.openUntilMs) < 0 ? 'open' : 'half-open';
  }

  /** Milliseconds until an open circuit is tried; 0 where a request may pass or try. */
  waitMs(endpoint: number): number {
    if (this.circuit(endpoint) !== 'open') return 0;
    return -this.#sinceMs(this.#first(endpoint) + at.openUntilMs);
  }

  /** Whether `begin` would not refuse. */
  mayTry(endpoint: number): boolean {
    const circuit = this.circuit(endpoint);
    return circuit === 'closed' || (circuit === 'half-open' && !this.#isBeingTried(endpoint));
  }

  /** Asks for leave to send a request; whoever gets it says how that ended. */
  begin(endpoint: number): Leave {
    const used = this.#first(endpoint) + at.isUsed;
    if (this.#words[used] === 0) Atomics.store(this.#words, used, 1);
    const circuit = this.circuit(endpoint);
    if (circuit === 'closed') return 'open-way';
    if (circuit === 'open' || this.#isBeingTried(endpoint)) return 'refused';
    const word = this.#first(endpoint) + at.tryingSinceMs;
    const before = this.#words[word] as number;
    const since = this.#nowMs() | 1;
    return Atomics.compareExchange(this.#words, word, before, since) === before ? 'try' : 'refused';
  }

  /** A request that had leave has ended, or has shown enough. */
  end(endpoint: number, leave: Exclude<Leave, 'refused'>, outcome: TryOutcome): void {
    const first = this.#first(endpoint);
    if (leave === 'try') Atomics.store(this.#words, first + at.tryingSinceMs, 0);
    if (outcome === 'unknown') return;
    const isOpen = this.#words[first + at.isOpen] !== 0;
    if (outcome === 'success') {
      if (this.#words[first + at.failuresInARow] !== 0)
        Atomics.store(this.#words, first + at.failuresInARow, 0);
      if (isOpen && leave === 'try') this.#noteTrySucceeded(first);
      else this.#count(first, at.successes);
      return;
    }
    Atomics.add(this.#words, first + at.failuresInARow, 1);
    if (isOpen && leave === 'try') this.#stayOpen(first);
    else if (!isOpen) {
      this.#count(first, at.failures);
      if (this.#hasFailedEnough(first) && this.#mayOpen()) this.#stayOpen(first);
    }
  }

  /** Opens the circuit whatever its requests showed, unless too many are open; tells whether it did. */
  trip(endpoint: number): boolean {
    const first = this.#first(endpoint);
    if (this.#words[first + at.isOpen] !== 0 || !this.#mayOpen()) return false;
    this.#stayOpen(first);
    return true;
  }

  #noteTrySucceeded(first: number): void {
    const succeeded = Atomics.add(this.#words, first + at.triesSucceeded, 1) + 1;
    if (succeeded < this.#parts.bounds.triesToClose) return;
    for (const offset of [at.successes, at.failures, at.successesBefore, at.failuresBefore])
      Atomics.store(this.#words, first + offset, 0);
    Atomics.store(this.#words, first + at.opensInARow, 0);
    Atomics.store(this.#words, first + at.isOpen, 0);
  }

  #stayOpen(first: number): void {
    const { prng, bounds } = this.#parts;
    const opens = Atomics.add(this.#words, first + at.opensInARow, 1);
    const plainMs = Math.min(bounds.openMs * 2 ** Math.min(opens, 30), bounds.openMsMax);
    const openMs = Math.round(plainMs * (1 + openSpread * (2 * prng.next() - 1)));
    Atomics.store(this.#words, first + at.triesSucceeded, 0);
    Atomics.store(this.#words, first + at.failuresInARow, 0);
    Atomics.store(this.#words, first + at.openUntilMs, (this.#nowMs() + openMs) | 0);
    Atomics.store(this.#words, first + at.isOpen, 1);
  }

  /** Two halves of a window: the one under way and the one before it. */
  #count(first: number, offset: typeof at.successes | typeof at.failures): void {
    const words = this.#words;
    const halfMs = this.#parts.bounds.windowMs / 2;
    const ageMs = this.#sinceMs(first + at.windowStartMs);
    if (ageMs < 0 || ageMs >= halfMs) {
      const isNextHalf = ageMs >= halfMs && ageMs < 2 * halfMs;
      Atomics.store(
        words,
        first + at.successesBefore,
        isNextHalf ? (words[first + at.successes] as number) : 0,
      );
      Atomics.store(
        words,
        first + at.failuresBefore,
        isNextHalf ? (words[first + at.failures] as number) : 0,
      );
      Atomics.store(words, first + at.successes, 0);
      Atomics.store(words, first + at.failures, 0);
      Atomics.store(words, first + at.windowStartMs, this.#nowMs());
    }
    Atomics.add(words, first + offset, 1);
  }

  #hasFailedEnough(first: number): boolean {
    const { failuresInARowMax, failureShareMax, requestsMin } = this.#parts.bounds;
    const words = this.#words;
    if ((words[first + at.failuresInARow] as number) >= failuresInARowMax) return true;
    const failures =
      (words[first + at.failures] as number) + (words[first + at.failuresBefore] as number);
    const successes =
      (words[first + at.successes] as number) + (words[first + at.successesBefore] as number);
    const requests = failures + successes;
    return requests >= requestsMin && failures >= failureShareMax * requests;
  }

  /** A request that breaks every engine must not take the whole fleet out. */
  #mayOpen(): boolean {
    let [used, open] = [0, 0];
    for (let endpoint = 0; endpoint < this.endpointsMax; endpoint++) {
      const first = headerWords + endpoint * wordsPerEndpoint;
      if (this.#words[first + at.isUsed] === 0) continue;
      used++;
      if (this.#words[first + at.isOpen] !== 0) open++;
    }
    return open < Math.max(1, Math.floor(this.#parts.bounds.openShareMax * used));
  }

  #isBeingTried(endpoint: number): boolean {
    const word = this.#first(endpoint) + at.tryingSinceMs;
    if (this.#words[word] === 0) return false;
    return this.#sinceMs(word) < this.#parts.bounds.tryMsMax;
  }

  #nowMs(): number {
    return this.#parts.clock.unixMs() | 0;
  }

  #sinceMs(word: number): number {
    return (this.#nowMs() - (this.#words[word] as number)) | 0;
  }

  #first(endpoint: number): number {
    if (endpoint < 0 || endpoint >= this.endpointsMax)
      assert(false, `endpoint ${endpoint} of a table of circuits for ${this.endpointsMax}`);
    return headerWords + endpoint * wordsPerEndpoint;
  }
}
