import { assert } from '@millrace/stdx';
import type { HostState, Prefix } from './prefix.ts';

/** Decides which cold prefixes stay in host memory: at most `bytesMax`, least recently used out first. */
export class HostTier {
  readonly #bytesMax: number;
  readonly #bytesPerToken: number;
  readonly #prefixes = new Set<Prefix>();
  #bytesUsed = 0;

  constructor(options: { readonly bytesMax: number; readonly bytesPerToken: number }) {
    this.#bytesMax = options.bytesMax;
    this.#bytesPerToken = options.bytesPerToken;
  }

  get bytesUsed(): number {
    return this.#bytesUsed;
  }

  get prefixes(): ReadonlySet<Prefix> {
    return this.#prefixes;
  }

  /** Sets room aside for `length` tokens; the prefixes that make way are returned. Undefined when it can never fit. */
  admit(
    prefix: Prefix,
    length: number,
  ): { readonly into: HostState; readonly evicted: readonly Prefix[] } | undefined {
    const bytesReserved = length * this.#bytesPerToken;
    if (bytesReserved > this.#bytesMax) return undefined;
    const evicted: Prefix[] = [];
    while (this.#bytesUsed + bytesReserved > this.#bytesMax) {
      const coldest = coldestOf(this.#prefixes);
      assert(coldest !== undefined, 'bytes in use belong to a prefix');
      this.remove(coldest);
      evicted.push(coldest);
    }
    const into: HostState = { bytesReserved, state: undefined };
    prefix.host = into;
    this.#prefixes.add(prefix);
    this.#bytesUsed += bytesReserved;
    return { into, evicted };
  }

  remove(prefix: Prefix): void {
    if (prefix.host === undefined || !this.#prefixes.delete(prefix)) return;
    this.#bytesUsed -= prefix.host.bytesReserved;
    prefix.host = undefined;
  }
}

/** The least recently used of some prefixes. */
export function coldestOf(prefixes: Iterable<Prefix>): Prefix | undefined {
  let coldest: Prefix | undefined;
  for (const prefix of prefixes) {
    if (coldest === undefined || prefix.usedAtMs < coldest.usedAtMs) coldest = prefix;
  }
  return coldest;
}
